#include "data/occluder.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"

namespace vepe::data {
namespace {

struct Patch {
  double x = 0, y = 0;  // centre
  double half_width = 0, half_height = 0;
  bool ellipse = false;

  bool covers(double px, double py) const {
    const double u = (px - x) / half_width, v = (py - y) / half_height;
    return ellipse ? u * u + v * v <= 1 : std::abs(u) <= 1 && std::abs(v) <= 1;
  }
};

const Person* choose_person(const Sample& sample, std::uint64_t seed) {
  const Person* chosen = nullptr;
  std::uint64_t smallest = ~std::uint64_t{0};
  for (std::size_t i = 0; i < sample.people.size(); ++i) {
    const Person& person = sample.people[i];
    const auto id = static_cast<std::uint64_t>(person.track_id >= 0 ? person.track_id : static_cast<std::int64_t>(i));
    const std::uint64_t hash = Random(seed, id).next();
    if (!chosen || hash < smallest) chosen = &person, smallest = hash;
  }
  return chosen;
}

Patch place_patch(const Sample& sample, std::uint64_t seed, Random& random) {
  const Person* person = choose_person(sample, seed);
  const double size =
      person ? std::max(person->box.width(), person->box.height()) : std::max(sample.image.width, sample.image.height);
  Patch patch;
  patch.half_width = std::max(1.0, size * random.uniform(0.15, 0.4) / 2);
  patch.half_height = std::max(1.0, size * random.uniform(0.15, 0.4) / 2);
  patch.ellipse = random.chance(0.5);
  const double u = random.uniform(), v = random.uniform();
  if (!person) {
    patch.x = u * sample.image.width, patch.y = v * sample.image.height;
    return patch;
  }
  // The first labelled keypoint from a random one on.
  const std::size_t joints = person->keypoints.size();
  const auto start = static_cast<std::size_t>(u * static_cast<double>(joints));
  for (std::size_t i = 0; i < joints; ++i) {
    const Keypoint& keypoint = person->keypoints[(start + i) % joints];
    if (keypoint.visibility == 0) continue;
    patch.x = keypoint.x + (v - 0.5) * patch.half_width, patch.y = keypoint.y + (0.5 - v) * patch.half_height;
    break;
  }
  return patch;
}

void paint(video::Image& image, const Patch& patch, Random& random) {
  const bool texture = random.chance(0.5);
  const int shift_x = static_cast<int>(random.integer(0, image.width - 1)),
            shift_y = static_cast<int>(random.integer(0, image.height - 1));
  std::uint8_t colour[3];
  for (std::uint8_t& channel : colour) channel = static_cast<std::uint8_t>(random.integer(0, 255));
  const int y0 = std::max(0, static_cast<int>(patch.y - patch.half_height)),
            y1 = std::min(image.height, static_cast<int>(patch.y + patch.half_height) + 1);
  const int x0 = std::max(0, static_cast<int>(patch.x - patch.half_width)),
            x1 = std::min(image.width, static_cast<int>(patch.x + patch.half_width) + 1);
  for (int y = y0; y < y1; ++y) {
    const std::uint8_t* from = image.row((y + shift_y) % image.height);
    std::uint8_t* to = image.row(y);
    for (int x = x0; x < x1; ++x) {
      if (!patch.covers(x + 0.5, y + 0.5)) continue;
      const std::uint8_t* pixel = texture ? from + static_cast<std::size_t>((x + shift_x) % image.width) * 3 : colour;
      std::copy_n(pixel, 3, to + static_cast<std::size_t>(x) * 3);
    }
  }
}

}  // namespace

void add_occluders(Sample& sample, int count, std::uint64_t seed) {
  std::vector<Patch> patches;
  for (int i = 0; i < count; ++i) {
    Random random(seed, static_cast<std::uint64_t>(i), 1);
    patches.push_back(place_patch(sample, random.next(), random));
    paint(sample.image, patches.back(), random);
  }
  std::vector<Person> people;
  for (Person& person : sample.people) {
    bool seen = false;
    for (Keypoint& keypoint : person.keypoints) {
      if (keypoint.visibility == 0) continue;
      const bool covered =
          std::any_of(patches.begin(), patches.end(), [&](const Patch& patch) { return patch.covers(keypoint.x, keypoint.y); });
      if (covered) keypoint.visibility = 1;
      seen = seen || !covered;
    }
    if (seen) {
      people.push_back(std::move(person));
    } else {
      sample.ignore_boxes.push_back(person.box);
    }
  }
  sample.people = std::move(people);
}

}  // namespace vepe::data
