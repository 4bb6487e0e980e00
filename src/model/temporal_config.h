#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config.h"

namespace vepe::model {

// The temporal phase of a model: section [temporal] of its TOML file. A model without it is spatial only.
struct TemporalConfig {
  bool enabled = false;
  int frames = 3;                   // T, odd: the key frame and its reference frames
  std::string window = "centered";  // "centered": (t - 1, t, t + 1); "causal": (t - 2, t - 1, t), no look into the future
  double pqs_threshold = 0.3;       // score from which a pose query is kept (paper, Table 3)
  double mask_threshold = 0.5;      // cosine from which two instances may be the same person

  // The ablation switches of the paper's Table 2; each off leaves the rest valid.
  bool stpe = true;   // off: the decoder starts from the spatial queries
  bool icm = true;    // off: no instance stream, no embeddings; STPE sees all kept queries
  bool stdme = true;  // off: the decoder reads the key frame's own memory
  bool stpd = true;   // off: one pair of heads reads the queries

  // Beyond the paper: people whom both frames beside the key frame show and the key frame does not become queries too.
  bool propagate = false;

  // The paper gives three decoder layers and is silent about the others.
  int instance_layers = 2;
  int stpe_layers = 2;
  int stdme_layers = 1;
  int stpd_layers = 3;
  int points = 4;             // of MSDA and TMSDA, a level and head
  int stdme_first_level = 0;  // finer levels pass STDME unchanged; they are most of its cost

  bool operator==(const TemporalConfig&) const = default;

  int key_position() const { return window == "causal" ? frames - 1 : frames / 2; }  // of the key frame in its window
};

// Reads all keys of the table; absent ones keep their defaults. `levels` is L. Throws Error(kUsage).
TemporalConfig read_temporal_config(TableReader& table, std::int64_t levels);
toml::table write_temporal_config(const TemporalConfig& config);  // reads back equal

// The T frames around key frame `t` of a video of `frame_count` frames. At the ends the missing frame is the nearest
// existing one, so a video may be shorter than the window. Throws Error(kUsage) when there is no frame `t`.
std::vector<std::int64_t> window_frames(const TemporalConfig& config, std::int64_t t, std::int64_t frame_count);

}  // namespace vepe::model
