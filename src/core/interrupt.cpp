#include "core/interrupt.h"

#include <csignal>
#include <unistd.h>

#include "core/error.h"

namespace vepe {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void on_signal(int) {
  if (g_interrupted) ::_exit(static_cast<int>(ErrorCode::kInterrupted));
  g_interrupted = 1;
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return g_interrupted != 0; }
void request_interrupt() { g_interrupted = 1; }
void clear_interrupt() { g_interrupted = 0; }

void throw_if_interrupted() {
  if (interrupted()) throw Error(ErrorCode::kInterrupted, "", "interrupted", "run the command again to go on");
}

}  // namespace vepe
