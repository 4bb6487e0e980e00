#include "train/evaluate.h"

#include "core/interrupt.h"
#include "data/loader.h"
#include "train/clip_pass.h"
#include "train/targets.h"

namespace vepe::train {
namespace {

eval::OksGroundTruth ground_truth(const data::Person& person, std::int64_t id) {
  eval::OksGroundTruth truth;
  for (const data::Keypoint& point : person.keypoints) {
    const bool labelled = point.visibility > 0;
    truth.keypoints.push_back(labelled ? data::file_from_inside(point.x) : 0);
    truth.keypoints.push_back(labelled ? data::file_from_inside(point.y) : 0);
    truth.keypoints.push_back(point.visibility);
    truth.num_keypoints += labelled;
  }
  truth.area = person.area;
  truth.bbox = {person.box.x0, person.box.y0, person.box.width(), person.box.height()};
  truth.id = id;
  return truth;
}

// Regions whose people are not labelled take detections without punishing them.
eval::OksGroundTruth ignored(const data::Box& box, std::size_t keypoints, std::int64_t id) {
  eval::OksGroundTruth truth;
  truth.keypoints.assign(3 * keypoints, 0.0);
  truth.area = box.width() * box.height();
  truth.bbox = {box.x0, box.y0, box.width(), box.height()};
  truth.iscrowd = true;
  truth.id = id;
  return truth;
}

eval::OksImage to_image(const data::Sample& sample, const FramePeople& people, std::int64_t keypoint_count, std::int64_t& next_id) {
  eval::OksImage image;
  // Labels are compared at the size of the network input: OKS does not change with the scale.
  for (const data::Person& person : sample.people) image.gt.push_back(ground_truth(person, next_id++));
  for (const data::Box& box : sample.ignore_boxes)
    image.gt.push_back(ignored(box, static_cast<std::size_t>(keypoint_count), next_id++));
  const torch::Tensor scores = people.scores.contiguous(), positions = people.keypoints.contiguous(),
                      certainty = people.keypoint_scores.contiguous();
  const auto score = scores.accessor<float, 1>();
  const auto keypoints = positions.accessor<float, 3>();
  const auto keypoint_score = certainty.accessor<float, 2>();
  for (std::int64_t r = 0; r < scores.size(0); ++r) {
    eval::OksDetection detection;
    detection.score = score[r];
    for (std::int64_t k = 0; k < keypoints.size(1); ++k) {
      detection.keypoints.push_back(data::file_from_inside(keypoints[r][k][0] * sample.image.width));
      detection.keypoints.push_back(data::file_from_inside(keypoints[r][k][1] * sample.image.height));
      detection.keypoints.push_back(keypoint_score[r][k]);
    }
    image.dt.push_back(std::move(detection));
  }
  return image;
}

}  // namespace

EvalMode::EvalMode(const Network& network)
    : network_(network), spatial_(network.spatial->is_training()), temporal_(network.temporal && network.temporal->is_training()) {
  network_.spatial->eval();
  if (network_.temporal) network_.temporal->eval();
}

EvalMode::~EvalMode() {
  network_.spatial->train(spatial_);
  if (network_.temporal) network_.temporal->train(temporal_);
}

std::vector<eval::OksImage> detect_on(const Network& network, std::shared_ptr<const data::Dataset> dataset,
                                      const EvaluateOptions& options) {
  torch::NoGradGuard no_grad;
  const EvalMode mode(network);
  data::AugmentConfig resize;
  resize.policy = "none";
  resize.long_sides = {options.long_side};
  data::LoaderConfig loading;
  loading.batch = options.batch;
  loading.pad_multiple = std::max(32, network.config.input.multiple);
  loading.workers = options.workers;
  if (network.temporal) loading.clip.frames = network.config.temporal.frames, loading.clip.window = network.config.temporal.window;
  data::Loader loader({{dataset, 1.0}}, resize, loading, data::Loader::Mode::kValidate);

  const std::vector<double> sigmas = joint_sigmas(network.config, network.config.name);
  std::vector<eval::OksImage> images;
  std::int64_t next_id = 1;
  while (auto batch = loader.next()) {
    throw_if_interrupted();
    const auto output = network.spatial->forward(network.spatial->normalise(batch->images), real_sizes(*batch));
    const model::Detections detections = network.spatial->detect(output, options.max_people);
    std::vector<SpatialClip> clips;
    if (network.temporal) {
      const auto targets = make_targets(batch->samples, network.config.keypoint_count);
      clips = split_clips(output, detections, targets, batch->frames, static_cast<std::size_t>(batch->key), sigmas, {});
    }
    for (std::size_t b = static_cast<std::size_t>(batch->key); b < batch->samples.size();
         b += static_cast<std::size_t>(batch->frames)) {
      FramePeople people = spatial_people(detections, static_cast<std::int64_t>(b));
      if (network.temporal) {
        const auto window = clip_features(*network.temporal, clips[b / static_cast<std::size_t>(batch->frames)], /*label=*/false);
        people = temporal_people(people, window[static_cast<std::size_t>(batch->key)],
                                 temporal_answer(network, window, model::MaskSource::kEmbeddings));
      }
      images.push_back(to_image(batch->samples[b], people, network.config.keypoint_count, next_id));
      images.back().id = static_cast<std::int64_t>(images.size()) - 1;
    }
  }
  return images;
}

}  // namespace vepe::train
