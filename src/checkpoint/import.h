#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/torch_file.h"
#include "model/spatial_model.h"

namespace vepe::checkpoint {

struct ImportOptions {
  int keypoints = 0;    // 15: PoseTrack's joints, 17: COCO's; 0 keeps those of the checkpoint
  int queries = 0;      // keep the first so many; 0 keeps all
  bool strict = false;  // refuse initialised tensors and entries that nothing is known about
  std::string entry;    // of the file's top level, e.g. "ema_state_dict"; empty: the usual one
};

struct ImportedTensor {
  std::string theirs, ours;
};

// What became of every tensor of the checkpoint and of the model.
struct ImportReport {
  std::string root;                      // entry of the file
  std::string family;                    // "PETR on resnet50", "backbone hrnet_w48 (mm names)"
  std::vector<ImportedTensor> mapped;    // copied, each to one tensor of the model
  std::vector<std::string> initialised;  // of the model, without a source: fresh random numbers
  std::vector<std::string> ignored;      // of the checkpoint, known to be of no use (classifiers, counters)
  std::vector<std::string> unknown;      // of the checkpoint, left out
  std::vector<std::string> cuts;         // sentences: what was cut or combined
};

struct ImportedModel {
  std::shared_ptr<model::SpatialModel> model;  // eval mode, fp32
  ImportReport report;
};

// A model from a public checkpoint: PETR (opera names) on any backbone of this program, or a backbone alone (ResNet, HRNet,
// Swin), which leaves the rest of a COCO PETR initialised. All sizes come from the shapes.
// Throws Error(kInput) that lists the first differences when the checkpoint fits only in part.
ImportedModel import_checkpoint(const TorchFile& file, const ImportOptions& options);

// The same from tensors; `file` stands for their source in messages, and `after_copy` is called now and then.
ImportedModel import_state(
    const StateDict& state, const std::string& file, const ImportOptions& options, const std::function<void()>& after_copy = [] {});

}  // namespace vepe::checkpoint
