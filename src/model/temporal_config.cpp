#include "model/temporal_config.h"

#include <algorithm>

#include "core/error.h"

namespace vepe::model {

TemporalConfig read_temporal_config(TableReader& table, std::int64_t levels) {
  TemporalConfig config;
  table.read("enabled", config.enabled);
  table.read("frames", config.frames, 1, 31);
  table.read_choice("window", config.window, {"centered", "causal"});
  table.read("pqs_threshold", config.pqs_threshold, 0.0, 1.0);
  table.read("mask_threshold", config.mask_threshold, -1.0, 1.0);
  table.read("stpe", config.stpe);
  table.read("icm", config.icm);
  table.read("stdme", config.stdme);
  table.read("stpd", config.stpd);
  table.read("propagate", config.propagate);
  table.read("instance_layers", config.instance_layers, 1, 24);
  table.read("stpe_layers", config.stpe_layers, 1, 24);
  table.read("stdme_layers", config.stdme_layers, 1, 24);
  table.read("stpd_layers", config.stpd_layers, 1, 24);
  table.read("points", config.points, 1, 64);
  table.read("stdme_first_level", config.stdme_first_level, 0, 8);
  table.finish();
  if (config.frames % 2 == 0) table.fail("temporal.frames", "is even", "choose an odd number, the key frame needs a middle");
  if (config.propagate && (config.window == "causal" || config.frames < 3))
    table.fail("temporal.propagate", "needs a frame on both sides of the key frame",
               "use window = \"centered\" and 3 frames or more");
  if (config.propagate && !config.stpe && !config.stpd)
    table.fail("temporal.propagate", "has neither STPE nor STPD to refine what it adds", "turn one of them on");
  if (config.stdme_first_level >= levels)
    table.fail("temporal.stdme_first_level", "there is no such level", "choose a smaller one");
  return config;
}

toml::table write_temporal_config(const TemporalConfig& config) {
  return toml::table{{"enabled", config.enabled},
                     {"frames", config.frames},
                     {"window", config.window},
                     {"pqs_threshold", config.pqs_threshold},
                     {"mask_threshold", config.mask_threshold},
                     {"stpe", config.stpe},
                     {"icm", config.icm},
                     {"stdme", config.stdme},
                     {"stpd", config.stpd},
                     {"propagate", config.propagate},
                     {"instance_layers", config.instance_layers},
                     {"stpe_layers", config.stpe_layers},
                     {"stdme_layers", config.stdme_layers},
                     {"stpd_layers", config.stpd_layers},
                     {"points", config.points},
                     {"stdme_first_level", config.stdme_first_level}};
}

std::vector<std::int64_t> window_frames(const TemporalConfig& config, std::int64_t t, std::int64_t frame_count) {
  if (t < 0 || t >= frame_count) {
    throw Error(ErrorCode::kUsage, "frame " + std::to_string(t), "the video has " + std::to_string(frame_count) + " frames");
  }
  std::vector<std::int64_t> frames;
  for (int i = 0; i < config.frames; ++i) {
    frames.push_back(std::clamp<std::int64_t>(t - config.key_position() + i, 0, frame_count - 1));
  }
  return frames;
}

}  // namespace vepe::model
