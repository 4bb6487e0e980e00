#include "train/evaluate.h"

#include "core/interrupt.h"
#include "data/loader.h"
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

}  // namespace

std::vector<eval::OksImage> detect_on(model::SpatialModel& model, std::shared_ptr<const data::Dataset> dataset, const EvaluateOptions& options) {
  torch::NoGradGuard no_grad;
  const bool was_training = model.is_training();
  model.eval();
  data::AugmentConfig resize;
  resize.policy = "none";
  resize.long_sides = {options.long_side};
  data::LoaderConfig loading;
  loading.batch = options.batch;
  loading.pad_multiple = std::max(32, model.config().input.multiple);
  loading.workers = options.workers;
  data::Loader loader({{dataset, 1.0}}, resize, loading, data::Loader::Mode::kValidate);

  std::vector<eval::OksImage> images;
  std::int64_t next_id = 1;
  while (auto batch = loader.next()) {
    throw_if_interrupted();
    const auto output = model.forward(model.normalise(batch->images), real_sizes(*batch));
    const model::Detections detections = model.detect(output, options.max_people);
    const auto scores = detections.scores.accessor<float, 2>();
    const torch::Tensor keypoint_scores = detections.keypoint_scores.contiguous(), positions = detections.keypoints.contiguous();
    const auto joint_scores = keypoint_scores.accessor<float, 3>();
    const auto keypoints = positions.accessor<float, 4>();
    for (std::int64_t b = 0; b < scores.size(0); ++b) {
      const data::Sample& sample = batch->samples[static_cast<std::size_t>(b)];
      eval::OksImage image;
      image.id = static_cast<std::int64_t>(images.size());
      // Labels are compared at the size of the network input: OKS does not change with the scale.
      for (const data::Person& person : sample.people) image.gt.push_back(ground_truth(person, next_id++));
      const auto count = static_cast<std::size_t>(model.config().keypoint_count);
      for (const data::Box& box : sample.ignore_boxes) image.gt.push_back(ignored(box, count, next_id++));
      for (std::int64_t r = 0; r < scores.size(1); ++r) {
        eval::OksDetection detection;
        detection.score = scores[b][r];
        for (std::int64_t k = 0; k < keypoints.size(2); ++k) {
          detection.keypoints.push_back(data::file_from_inside(keypoints[b][r][k][0] * sample.image.width));
          detection.keypoints.push_back(data::file_from_inside(keypoints[b][r][k][1] * sample.image.height));
          detection.keypoints.push_back(joint_scores[b][r][k]);
        }
        image.dt.push_back(std::move(detection));
      }
      images.push_back(std::move(image));
    }
  }
  model.train(was_training);
  return images;
}

}  // namespace vepe::train
