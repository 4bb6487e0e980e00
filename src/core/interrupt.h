#pragma once

namespace vepe {

// Turns SIGINT and SIGTERM into a flag that long work polls, so that Ctrl-C leaves valid files. The second
// signal ends the process at once. Signals are per process, so this flag is the one piece of global state.
void install_interrupt_handler();
bool interrupted();
void request_interrupt();  // what the handler does; for tests and for owners of other event loops
void clear_interrupt();
void throw_if_interrupted();  // Error(kInterrupted)

}  // namespace vepe
