#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "data/occluder.h"

namespace vepe::data {
namespace {

using Policy = AugmentParams::Policy;

// Where the picture goes: canvas size, map and the resize factor of areas.
struct Placement {
  Affine canvas_from_image;
  int width = 0, height = 0;
  double area_factor = 1;
};

int rounded(double size) { return std::max(1, static_cast<int>(size + 0.5)); }

Placement fit_long_side(int width, int height, int long_side) {
  const double factor = static_cast<double>(long_side) / std::max(width, height);
  Placement placement;
  placement.width = rounded(width * factor), placement.height = rounded(height * factor);
  const double sx = static_cast<double>(placement.width) / width, sy = static_cast<double>(placement.height) / height;
  placement.canvas_from_image = Affine::scaling(sx, sy);
  placement.area_factor = sx * sy;
  return placement;
}

Placement place_affine(int width, int height, const AugmentParams& params) {
  Placement fit = fit_long_side(width, height, params.long_side);
  double sx = fit.canvas_from_image.a, sy = fit.canvas_from_image.e;
  if (params.canvas_width > 0) {  // fills the given canvas
    fit.width = params.canvas_width, fit.height = params.canvas_height;
    sx = sy = std::max(static_cast<double>(fit.width) / width, static_cast<double>(fit.height) / height);
  }
  sx *= params.scale * std::sqrt(params.aspect), sy *= params.scale / std::sqrt(params.aspect);
  const Affine flip = params.flip ? Affine::mirror(width) : Affine{};
  fit.canvas_from_image = Affine::translation(fit.width * (0.5 + params.shift_x), fit.height * (0.5 + params.shift_y)) *
                          Affine::rotation(params.rotation) * Affine::scaling(sx, sy) *
                          Affine::translation(-0.5 * width, -0.5 * height) * flip;
  fit.area_factor = sx * sy;
  return fit;
}

// Resizes what is placed so far so that the short side becomes `short_side`, the long side at most `long_max` (0: any).
void resize_short(Placement& placement, int short_side, int long_max) {
  const auto [low, high] = std::minmax(placement.width, placement.height);
  double factor = static_cast<double>(short_side) / low;
  if (long_max > 0) factor = std::min(factor, static_cast<double>(long_max) / high);
  const int width = rounded(placement.width * factor), height = rounded(placement.height * factor);
  const double sx = static_cast<double>(width) / placement.width, sy = static_cast<double>(height) / placement.height;
  placement.canvas_from_image = Affine::scaling(sx, sy) * placement.canvas_from_image;
  placement.area_factor *= sx * sy;
  placement.width = width, placement.height = height;
}

int pick(double uniform, int low, int high) { return low + std::min(high - low, static_cast<int>(uniform * (high - low + 1))); }

// PETR: rotation on the same canvas, flip, then resize or resize-crop-resize. The canvases nest, so one warp does it all.
Placement place_petr(int width, int height, const AugmentParams& params) {
  Placement placement{.width = width, .height = height};
  placement.canvas_from_image = Affine::translation(0.5 * width, 0.5 * height) * Affine::rotation(params.rotation) *
                                Affine::translation(-0.5 * width, -0.5 * height);
  if (params.flip) placement.canvas_from_image = Affine::mirror(width) * placement.canvas_from_image;
  if (params.crop) {
    resize_short(placement, params.crop_short, 0);
    const auto& u = params.crop_uniform;
    const int crop_height = pick(u[0], std::min(params.crop_low, placement.height), std::min(params.crop_high, placement.height));
    const int crop_width = pick(u[1], std::min(params.crop_low, placement.width), std::min(params.crop_high, placement.width));
    const int top = pick(u[2], 0, placement.height - crop_height), left = pick(u[3], 0, placement.width - crop_width);
    placement.canvas_from_image = Affine::translation(-left, -top) * placement.canvas_from_image;
    placement.width = crop_width, placement.height = crop_height;
  }
  resize_short(placement, params.short_side, params.long_max);
  return placement;
}

void move_camera(Placement& placement, const Camera& camera) {
  const double x = 0.5 * placement.width, y = 0.5 * placement.height;
  placement.canvas_from_image = Affine::translation(x + camera.x * placement.width, y + camera.y * placement.height) *
                                Affine::rotation(camera.rotation) * Affine::scaling(camera.zoom, camera.zoom) *
                                Affine::translation(-x, -y) * placement.canvas_from_image;
  placement.area_factor *= camera.zoom * camera.zoom;
}

Colour draw_colour(const AugmentConfig& config, Random& random) {
  Colour colour;
  const double p = config.photometric;
  if (random.chance(p)) colour.brightness = random.uniform(-config.brightness, config.brightness);
  colour.contrast_first = random.chance(0.5);
  if (random.chance(p)) colour.contrast = random.uniform(config.contrast_low, config.contrast_high);
  if (random.chance(p)) colour.saturation = random.uniform(config.saturation_low, config.saturation_high);
  if (random.chance(p)) colour.hue = random.uniform(-config.hue, config.hue);
  if (random.chance(config.permute)) {
    for (int i = 2; i > 0; --i)
      std::swap(colour.order[static_cast<std::size_t>(i)], colour.order[static_cast<std::size_t>(random.integer(0, i))]);
  }
  colour.grey = random.chance(config.grey);
  return colour;
}

void draw_damage(const AugmentConfig& config, Random& random, AugmentParams& params) {
  if (random.chance(config.blur)) {
    if (random.chance(0.5)) {
      params.blur_length = random.uniform(2, std::max(2.0, config.blur_max));
      params.blur_angle = random.uniform(0, std::numbers::pi);
    } else {
      params.blur_sigma = random.uniform(0.4, std::max(0.4, config.blur_max / 3));
    }
  }
  if (random.chance(config.noise)) params.noise = random.uniform(0, config.noise_max);
  if (random.chance(config.occluders)) params.occluders = static_cast<int>(random.integer(1, 3));
  params.seed = random.next();
}

void draw_affine(const AugmentConfig& config, Random& random, AugmentParams& params) {
  params.scale = std::exp(random.uniform(std::log(config.scale_low), std::log(config.scale_high)));
  params.aspect = std::exp(random.uniform(-1, 1) * std::log1p(config.aspect));
  // The part of the canvas that the picture leaves free, or the part of the picture beyond it, plus a little.
  const double room = std::abs(params.scale - 1) / 2 + config.translate;
  params.shift_x = random.uniform(-room, room);
  params.shift_y = random.uniform(-room, room);
}

void draw_petr(const AugmentConfig& config, Random& random, AugmentParams& params) {
  params.crop = random.chance(0.5);
  params.short_side = static_cast<int>(random.integer(config.short_low, config.short_high));
  params.long_max = config.long_max;
  params.crop_short =
      config.crop_shorts[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(config.crop_shorts.size()) - 1))];
  params.crop_low = config.crop_low, params.crop_high = config.crop_high;
  for (double& uniform : params.crop_uniform) uniform = random.uniform();
}

void check_flip(const Sample& sample, const AugmentParams& params) {
  if (!params.flip) return;
  for (const Person& person : sample.people) {
    if (person.keypoints.size() != params.flip_order.size()) {
      throw Error(ErrorCode::kUsage, "augmentation",
                  "the mirrored joints are known for " + std::to_string(params.flip_order.size()) + " joints, the person has " +
                      std::to_string(person.keypoints.size()),
                  "give flip_order for this joint set");
    }
  }
}

}  // namespace

int draw_long_side(const AugmentConfig& config, Random& random) {
  return config.long_sides[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(config.long_sides.size()) - 1))];
}

AugmentParams draw_augment(const AugmentConfig& config, Random& random, int long_side) {
  AugmentParams params;
  for (std::size_t c = 0; c < 3; ++c) params.border[c] = static_cast<std::uint8_t>(config.border[c]);
  params.min_person = config.min_person;
  params.flip_order = config.flip_order;
  if (config.policy == "none") {
    params.long_side = long_side > 0 ? long_side : config.long_sides.front();
    return params;
  }
  params.policy = config.policy == "petr" ? Policy::kPetr : Policy::kAffine;
  params.long_side = long_side > 0 ? long_side : draw_long_side(config, random);
  params.flip = random.chance(config.flip);
  params.rotation = random.uniform(-config.rotation, config.rotation) * std::numbers::pi / 180;
  if (params.policy == Policy::kPetr) {
    draw_petr(config, random, params);
  } else {
    draw_affine(config, random, params);
  }
  params.colour = draw_colour(config, random);
  draw_damage(config, random, params);
  return params;
}

Sample apply_augment(const Sample& sample, const AugmentParams& params) {
  check_flip(sample, params);
  const int width = sample.image.width, height = sample.image.height;
  Placement placement;
  switch (params.policy) {
    case Policy::kNone:
      placement = fit_long_side(width, height, params.long_side);
      break;
    case Policy::kAffine:
      placement = place_affine(width, height, params);
      break;
    case Policy::kPetr:
      placement = place_petr(width, height, params);
      break;
  }
  if (params.policy != Policy::kNone) move_camera(placement, params.camera);
  Sample result;
  result.image_id = sample.image_id;
  result.source_width = sample.source_width, result.source_height = sample.source_height;
  result.people = sample.people, result.ignore_boxes = sample.ignore_boxes;
  result.unlabelled_bystanders = sample.unlabelled_bystanders;
  warp_labels(result, {placement.canvas_from_image, placement.width, placement.height, placement.area_factor, params.flip,
                       params.flip_order, params.min_person});
  if (params.policy == Policy::kNone) {
    // The resampling of inference, so that validation measures what a user gets.
    result.image = video::resize_bilinear(sample.image, placement.width, placement.height);
    return result;
  }
  result.image = warp_image(sample.image, placement.canvas_from_image, placement.width, placement.height, params.border);
  apply_colour(result.image, params.colour);
  if (params.occluders > 0) add_occluders(result, params.occluders, params.seed);
  motion_blur(result.image, params.blur_length, params.blur_angle);
  gaussian_blur(result.image, params.blur_sigma);
  add_noise(result.image, params.noise, params.seed);
  return result;
}

Sample augment(const Sample& sample, const AugmentConfig& config, Random& random) {
  return apply_augment(sample, draw_augment(config, random));
}

Sample mosaic(const std::array<const Sample*, 4>& parts, const AugmentConfig& config, Random& random, int long_side) {
  const Placement frame = fit_long_side(parts[0]->image.width, parts[0]->image.height, long_side);
  const int split_x = std::clamp(rounded(frame.width * random.uniform(0.35, 0.65)), 1, std::max(1, frame.width - 1));
  const int split_y = std::clamp(rounded(frame.height * random.uniform(0.35, 0.65)), 1, std::max(1, frame.height - 1));
  Sample result;
  result.image_id = parts[0]->image_id;
  result.source_width = parts[0]->source_width, result.source_height = parts[0]->source_height;
  result.image = {frame.width, frame.height, {}};
  result.image.pixels.resize(static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height) * 3);
  for (int i = 0; i < 4; ++i) {
    const int left = i % 2 ? split_x : 0, top = i / 2 ? split_y : 0;
    AugmentParams params = draw_augment(config, random, long_side);
    params.policy = Policy::kAffine;
    params.canvas_width = std::max(1, i % 2 ? frame.width - split_x : split_x);
    params.canvas_height = std::max(1, i / 2 ? frame.height - split_y : split_y);
    Sample part = apply_augment(*parts[static_cast<std::size_t>(i)], params);
    for (int y = 0; y < part.image.height && top + y < frame.height; ++y) {
      const std::size_t count = static_cast<std::size_t>(std::min(part.image.width, frame.width - left)) * 3;
      std::copy_n(part.image.row(y), count, result.image.row(top + y) + static_cast<std::size_t>(left) * 3);
    }
    if (part.unlabelled_bystanders) {
      part.ignore_boxes.push_back({0, 0, static_cast<float>(part.image.width), static_cast<float>(part.image.height)});
    }
    const LabelWarp shift{.canvas_from_image = Affine::translation(left, top), .width = frame.width, .height = frame.height};
    warp_labels(part, shift);
    std::move(part.people.begin(), part.people.end(), std::back_inserter(result.people));
    std::move(part.ignore_boxes.begin(), part.ignore_boxes.end(), std::back_inserter(result.ignore_boxes));
  }
  return result;
}

std::optional<Sample> background_part(const Sample& sample, Random& random) {
  constexpr int kTries = 30;
  constexpr float kMargin = 0.05f;  // of a person's longer side: boxes do not hold every hair
  if (sample.unlabelled_bystanders) return std::nullopt;
  std::vector<Box> taken = sample.ignore_boxes;
  for (const Person& person : sample.people) taken.push_back(person.box);
  for (Box& box : taken) {
    const float margin = kMargin * std::max(box.width(), box.height());
    box = {box.x0 - margin, box.y0 - margin, box.x1 + margin, box.y1 + margin};
  }
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const double share = random.uniform(0.3, 0.8);
    const int width = std::max(1, rounded(sample.image.width * share)), height = std::max(1, rounded(sample.image.height * share));
    const auto left = static_cast<int>(random.integer(0, sample.image.width - width)),
               top = static_cast<int>(random.integer(0, sample.image.height - height));
    const bool free = std::none_of(taken.begin(), taken.end(), [&](const Box& box) {
      return box.x0 < static_cast<float>(left + width) && box.x1 > static_cast<float>(left) &&
             box.y0 < static_cast<float>(top + height) && box.y1 > static_cast<float>(top);
    });
    if (!free) continue;
    Sample part;
    part.image_id = sample.image_id;
    part.source_width = sample.source_width, part.source_height = sample.source_height;
    part.image = {width, height, {}};
    part.image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
    for (int y = 0; y < height; ++y) std::copy_n(sample.image.row(top + y) + 3 * left, 3 * width, part.image.row(y));
    return part;
  }
  return std::nullopt;
}

}  // namespace vepe::data
