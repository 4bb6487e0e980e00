#include "train/targets.h"

#include <torch/torch.h>

namespace vepe::train {

std::vector<loss::Targets> make_targets(const std::vector<data::Sample>& samples, std::int64_t keypoints) {
  std::vector<loss::Targets> all;
  for (const data::Sample& sample : samples) {
    loss::Targets targets;
    targets.width = sample.image.width;
    targets.height = sample.image.height;
    const auto people = static_cast<std::int64_t>(sample.people.size());
    targets.keypoints = torch::zeros({people, keypoints, 2});
    targets.visible = torch::zeros({people, keypoints}, torch::kBool);
    targets.area = torch::zeros({people});
    targets.boxes = torch::zeros({people, 4});
    targets.track_id = torch::full({people}, -1, torch::kLong);
    for (std::int64_t g = 0; g < people; ++g) {
      const data::Person& person = sample.people[static_cast<std::size_t>(g)];
      float* xy = targets.keypoints.data_ptr<float>() + g * keypoints * 2;
      bool* visible = targets.visible.data_ptr<bool>() + g * keypoints;
      for (std::size_t k = 0; k < person.keypoints.size() && static_cast<std::int64_t>(k) < keypoints; ++k) {
        const data::Keypoint& point = person.keypoints[k];
        if (point.visibility <= 0) continue;
        xy[2 * k] = point.x / static_cast<float>(targets.width);
        xy[2 * k + 1] = point.y / static_cast<float>(targets.height);
        visible[k] = true;
      }
      targets.area.data_ptr<float>()[g] = person.area;
      float* box = targets.boxes.data_ptr<float>() + g * 4;
      box[0] = person.box.x0, box[1] = person.box.y0, box[2] = person.box.x1, box[3] = person.box.y1;
      targets.track_id.data_ptr<std::int64_t>()[g] = person.track_id;
    }
    targets.ignore_boxes = torch::zeros({static_cast<std::int64_t>(sample.ignore_boxes.size()), 4});
    for (std::size_t i = 0; i < sample.ignore_boxes.size(); ++i) {
      const data::Box& ignored = sample.ignore_boxes[i];
      float* box = targets.ignore_boxes.data_ptr<float>() + 4 * i;
      box[0] = ignored.x0, box[1] = ignored.y0, box[2] = ignored.x1, box[3] = ignored.y1;
    }
    targets.unlabelled_bystanders = sample.unlabelled_bystanders;
    all.push_back(std::move(targets));
  }
  return all;
}

at::Tensor real_sizes(const data::Batch& batch) {
  at::Tensor sizes = torch::zeros({static_cast<std::int64_t>(batch.samples.size()), 2});
  for (std::size_t b = 0; b < batch.samples.size(); ++b) {
    sizes.data_ptr<float>()[2 * b] = static_cast<float>(batch.samples[b].image.height);
    sizes.data_ptr<float>()[2 * b + 1] = static_cast<float>(batch.samples[b].image.width);
  }
  return sizes;
}

}  // namespace vepe::train
