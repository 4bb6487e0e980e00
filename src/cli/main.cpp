#include <CLI/CLI.hpp>

#include <malloc.h>

#include <cstdio>
#include <exception>
#include <new>

#include "cli/convert.h"
#include "cli/doctor.h"
#include "cli/eval.h"
#include "cli/export.h"
#include "cli/import.h"
#include "cli/info.h"
#include "cli/verify.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#ifdef VEPE_MEDIA
#include "cli/ablate.h"
#include "cli/predict.h"
#include "cli/synth.h"
#include "cli/track.h"
#include "cli/train.h"
#endif

namespace {

int report(const vepe::Error& error) {
  std::fprintf(stderr, "vepe: %s\n", error.what());
  return error.exit_status();
}

int run(int argc, char** argv) {
  CLI::App app{"Multi-person pose estimation in video, end to end", "vepe"};
  app.set_version_flag("--version", VEPE_VERSION);
  app.require_subcommand(1);
#ifdef VEPE_MEDIA
  vepe::cli::add_predict_command(app);
  vepe::cli::add_track_command(app);
  vepe::cli::add_train_command(app);
#endif
  vepe::cli::add_eval_command(app);
  vepe::cli::add_convert_command(app);
  vepe::cli::add_import_command(app);
  vepe::cli::add_export_command(app);
#ifdef VEPE_MEDIA
  vepe::cli::add_synth_command(app);
  vepe::cli::add_ablate_command(app);
#endif
  vepe::cli::add_verify_command(app);
  vepe::cli::add_info_command(app);
  vepe::cli::add_doctor_command(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {  // a command that has reported its problems itself
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return report(vepe::Error(vepe::ErrorCode::kUsage, "", error.what(), "see vepe --help and vepe COMMAND --help"));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Tensors come and go by the megabyte: keep their pages instead of giving them back to the kernel each time.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  vepe::install_interrupt_handler();
  try {
    vepe::set_log_level("info");
    return run(argc, argv);
  } catch (const vepe::Error& error) {
    return report(error);
  } catch (const std::bad_alloc&) {
    return report(vepe::Error(vepe::ErrorCode::kMemory, "", "out of memory", "use a smaller input, batch or model"));
  } catch (const std::exception& error) {
    // LibTorch's messages carry a stack after the first sentence.
    const std::string text = error.what();
    spdlog::debug("{}", text);
    return report(vepe::Error(vepe::ErrorCode::kInput, "", "unexpected: " + text.substr(0, text.find("Exception raised from")),
                              "run with --log-level debug and report it"));
  }
}
