#pragma once

#include <optional>
#include <vector>

#include "train/clip_pass.h"

namespace vepe::train {

// What a stage of training minimises.
class Objective {
 public:
  Objective(const Recipe& recipe, const Network& network);

  // Of a batch from the loader. `mask`: temporal and joint stages. Throws Error as the criteria do.
  loss::LossTerms operator()(const data::Batch& batch, model::MaskSource mask) const;
  // Of clips whose spatial phase is done (temporal stage).
  loss::LossTerms operator()(const std::vector<SpatialClip>& clips, model::MaskSource mask) const;

  // The spatial phase of the clips of a batch, without gradients.
  std::vector<SpatialClip> frozen_clips(const data::Batch& batch) const;

 private:
  std::vector<SpatialClip> clips_of(const data::Batch& batch, const model::SpatialOutput& output,
                                    const std::vector<loss::Targets>& targets) const;
  loss::LossTerms spatial_terms(const model::SpatialOutput& output, const std::vector<loss::Targets>& targets) const;

  const Recipe& recipe_;
  Network network_;  // shares the modules
  std::vector<double> sigmas_;
  loss::Criterion spatial_;
  std::optional<loss::TemporalCriterion> temporal_;
};

}  // namespace vepe::train
