#include "synth/background.h"

#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "synth/noise.h"

namespace vepe::synth {
namespace fs = std::filesystem;
namespace {

bool is_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".bmp" || extension == ".webp" ||
         extension == ".tif" || extension == ".tiff";
}

Background empty_background(int width, int height) {
  Background out;
  out.margin_x = static_cast<int>(std::ceil(width * kViewMargin)) + 1;
  out.margin_y = static_cast<int>(std::ceil(height * kViewMargin)) + 1;
  out.picture.width = width + 2 * out.margin_x;
  out.picture.height = height + 2 * out.margin_y;
  out.picture.pixels.resize(static_cast<std::size_t>(out.picture.width) * static_cast<std::size_t>(out.picture.height) * 3);
  return out;
}

void measure(Background& background) {
  double sum[3] = {0, 0, 0};
  const auto& pixels = background.picture.pixels;
  const std::size_t count = pixels.size() / 3;
  for (std::size_t i = 0; i < count; i += 7) {
    for (std::size_t c = 0; c < 3; ++c) sum[c] += pixels[i * 3 + c] * pixels[i * 3 + c] / 65025.0;
  }
  const double scale = 7.0 / static_cast<double>(count);
  background.mean = {static_cast<float>(sum[0] * scale), static_cast<float>(sum[1] * scale), static_cast<float>(sum[2] * scale)};
}

// What a ray from the camera meets: colours of three kinds of place.
class Place {
 public:
  Place(const Camera& camera, double least_depth, Random random) : camera_(camera) {
    seed_ = static_cast<std::uint32_t>(random.next());
    const double kind = random.uniform();
    room_ = kind < 0.4;
    park_ = kind > 0.75;
    depth_ = std::max(least_depth, room_ ? random.uniform(5.0, 10.0) : random.uniform(14, 35));
    side_ = random.uniform(3.5, 7.0);
    ceiling_ = std::max(camera.height_m + 0.5, random.uniform(2.5, 3.5));
    const int walls[] = {0xd8d0c2, 0xc9cfd2, 0xe6e2da, 0xb9a58a, 0x9fb0a6, 0xc7a9a0, 0x8d98a8};
    const int floors[] = {0x8a6a4a, 0xb08a5e, 0x9a9a98, 0xc2bdb4, 0x6a5a50, 0x7d8288};
    wall_ = from_srgb(walls[random.integer(0, 6)]);
    floor_ = from_srgb(floors[random.integer(0, 5)]);
    tiles_ = random.chance(0.5);
    sky_ = mix(from_srgb(0x9fc0e6), from_srgb(0xdadde0), static_cast<float>(random.uniform()));
    road_near_ = random.uniform(5, 10);
    road_far_ = road_near_ + random.uniform(4, 8);
  }

  Color at(double px, double py) const {
    const Vec3 d = rotation_x(-camera_.pitch) *
                   Vec3{(px - camera_.width / 2.0) / camera_.focal_px, -(py - camera_.height / 2.0) / camera_.focal_px, -1};
    const double to_ground = d.y < -1e-6 ? camera_.height_m / -d.y : 1e9;
    const double to_wall = d.z < -1e-6 ? depth_ / -d.z : 1e9;
    if (room_) return room(d, to_ground, to_wall);
    if (to_ground < to_wall) return ground(d.x * to_ground, -d.z * to_ground, to_ground);
    return far(d.x * to_wall, camera_.height_m + d.y * to_wall, d);
  }

 private:
  // Detail smaller than a pixel fades out.
  float detail(double cell_m, double distance) const {
    return static_cast<float>(std::clamp(cell_m * camera_.focal_px / distance / 2.0, 0.0, 1.0));
  }
  static float cell_edge(double x, double y, double width) {
    const double fx = x - std::floor(x), fy = y - std::floor(y);
    return fx < width || fy < width ? 1.0f : 0.0f;
  }

  Color room(Vec3 d, double to_ground, double to_wall) const {
    const double to_ceiling = d.y > 1e-6 ? (ceiling_ - camera_.height_m) / d.y : 1e9;
    const double to_side = std::abs(d.x) > 1e-6 ? side_ / std::abs(d.x) : 1e9;
    const double t = std::min({to_ground, to_wall, to_ceiling, to_side});
    const Vec3 p{d.x * t, camera_.height_m + d.y * t, -d.z * t};
    const float falloff = static_cast<float>(1.0 - 0.25 * smooth_step(2, 12, t));
    if (t == to_ground) {
      const double size = tiles_ ? 0.5 : 0.14;
      const double u = p.x / size, v = tiles_ ? p.z / size : p.z / 1.2 + 0.37 * std::floor(p.x / size);
      Color c = floor_ * (0.85f + 0.3f * detail(0.4, t) *
                                      (hash_unit(static_cast<int>(std::floor(u)), static_cast<int>(std::floor(v)), seed_) - 0.3f));
      c = c * (0.9f + 0.2f * value_noise(static_cast<float>(p.x * 9), static_cast<float>(p.z * (tiles_ ? 9 : 1.5)), seed_));
      return c * (1 - 0.35f * cell_edge(u, v, 0.04) * detail(size * 0.12, t)) * falloff;
    }
    if (t == to_ceiling) return Color{0.72f, 0.71f, 0.68f} * falloff;
    const double along = t == to_wall ? p.x : p.z + 40;
    return wall(along, p.y, t) * (t == to_wall ? 1.0f : 0.82f) * falloff;
  }

  // A wall with skirting, pictures, windows and shelves in cells of 1.6 m.
  Color wall(double x, double y, double t) const {
    const int cell = static_cast<int>(std::floor(x / 1.6));
    const double u = x / 1.6 - cell;
    const float kind = hash_unit(cell, 1, seed_), tone = hash_unit(cell, 2, seed_);
    Color c = wall_ * (0.94f + 0.12f * value_noise(static_cast<float>(x * 1.5), static_cast<float>(y * 1.5), seed_));
    if (y < 0.12) return wall_ * 0.55f;
    if (kind < 0.25f && y > 0.9 && y < 2.2 && u > 0.1 && u < 0.9) {  // window
      const bool frame = u < 0.14 || u > 0.86 || std::abs(u - 0.5) < 0.02 || y < 0.96 || y > 2.14;
      return frame ? Color{0.7f, 0.7f, 0.68f}
                   : mix(sky_, Color{0.12f, 0.2f, 0.1f},
                         static_cast<float>(smooth_step(1.5, 1.2, y)) *
                             value_noise(static_cast<float>(x * 4), static_cast<float>(y * 4), seed_));
    }
    if (kind < 0.5f && y > 1.3 && y < 1.9 && u > 0.25 && u < 0.75) {  // picture
      if (u < 0.28 || u > 0.72 || y < 1.34 || y > 1.86) return Color{0.06f, 0.05f, 0.04f};
      return from_hsv(tone, 0.5, 0.3 + 0.6 * fractal_noise(static_cast<float>(x * 5), static_cast<float>(y * 5), 2, seed_ + 4));
    }
    if (kind > 0.75f && y < 1.9) {  // shelves with books
      const double shelf = y / 0.38 - std::floor(y / 0.38);
      if (shelf < 0.08 || u < 0.03 || u > 0.97) return floor_ * 0.6f;
      const int book = static_cast<int>(std::floor(x / 0.045)), row = static_cast<int>(std::floor(y / 0.38));
      if (shelf > 0.55 + 0.4 * hash_unit(book, row, seed_)) return wall_ * 0.2f;
      return mix(from_hsv(hash_unit(book, row, seed_ + 1), 0.55, 0.25 + 0.5 * hash_unit(book, row, seed_ + 2)), wall_ * 0.4f,
                 1 - detail(0.03, t));
    }
    return c;
  }

  Color ground(double x, double z, double t) const {
    const auto fx = static_cast<float>(x), fz = static_cast<float>(z);
    const float grain = 0.8f + 0.4f * (value_noise(fx * 2, fz * 2, seed_) * 0.6f +
                                       0.4f * detail(0.06, t) * value_noise(fx * 30, fz * 30, seed_ + 2));
    if (park_) {
      const bool path = std::abs(z - road_near_ + 0.7 * std::sin(x * 0.3)) < 1.2;
      const Color grass = mix(from_srgb(0x4a6a2e), from_srgb(0x8a9a50), value_noise(fx * 1.2f, fz * 1.2f, seed_ + 5));
      const float blades = 1 + 0.7f * detail(0.05, t) * (value_noise(fx * 45, fz * 25, seed_ + 6) - 0.5f);
      return path ? from_srgb(0xb5a488) * grain : grass * (grain * blades);
    }
    if (z > road_near_ && z < road_far_) {
      const double middle = (road_near_ + road_far_) / 2;
      if (std::abs(z - middle) < 0.07 && x / 3 - std::floor(x / 3) < 0.5) return Color{0.6f, 0.6f, 0.58f} * grain;
      return from_srgb(0x5a5b5e) * grain;
    }
    if (std::abs(z - road_near_) < 0.15 || std::abs(z - road_far_) < 0.15) return from_srgb(0xb0aea8) * grain;
    const float tone = 0.9f + 0.2f * hash_unit(static_cast<int>(std::floor(x / 0.6)), static_cast<int>(std::floor(z / 0.6)), seed_);
    return from_srgb(0x9c968c) *
           (grain * (1 + (tone - 1) * detail(0.4, t)) * (1 - 0.3f * cell_edge(x / 0.6, z / 0.6, 0.03) * detail(0.05, t)));
  }

  Color far(double x, double y, Vec3 d) const {
    const float cloud = fractal_noise(static_cast<float>(d.x * 3), static_cast<float>(d.y * 9), 3, seed_ + 7);
    const Color sky = mix(sky_, Color{0.92f, 0.92f, 0.93f}, std::clamp(cloud * 1.6f - 0.5f, 0.0f, 1.0f));
    if (park_) {
      const float crown = 2.5f + 7.0f * fractal_noise(static_cast<float>(x * 0.22), 0.5f, 3, seed_ + 8);
      if (y > crown) return sky;
      const float leaf = fractal_noise(static_cast<float>(x * 1.3), static_cast<float>(y * 1.5), 3, seed_ + 9);
      return mix(from_srgb(0x22361a), from_srgb(0x7a944c), leaf) * (0.4f + 0.8f * leaf);
    }
    const int house = static_cast<int>(std::floor(x / 9));
    const double top = 5 + 14 * hash_unit(house, 3, seed_);
    if (y > top) return sky;
    const int facades[] = {0xb58a6a, 0xc9bfae, 0x9a5a48, 0xd6cdb6, 0x8a8c90, 0xa89a86};
    const Color facade = from_srgb(facades[hash_lattice(house, 4, seed_) % 6]) *
                         (0.8f + 0.4f * fractal_noise(static_cast<float>(x * 2), static_cast<float>(y * 2), 2, seed_));
    const double wide = 1.1 + 0.9 * hash_unit(house, 5, seed_), tall = 2.9;
    const double u = x / wide - std::floor(x / wide), v = y / tall - std::floor(y / tall);
    const int column = static_cast<int>(std::floor(x / wide)), row = static_cast<int>(std::floor(y / tall));
    if (y < 2.7 && hash_unit(house, 6, seed_) < 0.6f) {  // shop front
      if (y > 2.3) return from_hsv(hash_unit(house, 7, seed_), 0.5, 0.6);
      return u < 0.06 ? facade * 0.5f
                      : Color{0.06f, 0.07f, 0.08f} +
                            Color{0.2f, 0.18f, 0.14f} * value_noise(static_cast<float>(x * 3), static_cast<float>(y * 3), seed_);
    }
    if (u > 0.25 && u < 0.75 && v > 0.3 && v < 0.85) {
      if (u < 0.29 || u > 0.71 || v < 0.33 || v > 0.82) return Color{0.6f, 0.6f, 0.58f};
      return mix(Color{0.03f, 0.04f, 0.05f}, sky_, 0.5f * hash_unit(column, row, seed_ + 11));
    }
    return facade;
  }

  const Camera& camera_;
  std::uint32_t seed_;
  bool room_, park_, tiles_;
  double depth_, side_, ceiling_, road_near_, road_far_;
  Color wall_, floor_, sky_;
};

}  // namespace

BackgroundLibrary::BackgroundLibrary(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw Error(ErrorCode::kInput, folder.string(), "no such folder of backgrounds",
                "name a folder that holds photographs, or leave --backgrounds out");
  }
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_regular_file() && is_image_name(entry.path())) paths_.push_back(entry.path());
  }
  if (error) throw Error(ErrorCode::kInput, folder.string(), "cannot list the folder: " + error.message(), "check its permissions");
  if (paths_.empty())
    throw Error(ErrorCode::kInput, folder.string(), "holds no image files",
                "put JPEG or PNG photographs there, or leave --backgrounds out");
  std::sort(paths_.begin(), paths_.end());
}

Background photo_background(const BackgroundLibrary& library, int width, int height, Random random) {
  Background out = empty_background(width, height);
  const auto choice = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(library.size()) - 1));
  const video::Image photo = video::read_image(library.path(choice));
  // The largest cut of the picture's shape, times a random factor, somewhere in the photograph.
  const double aspect = static_cast<double>(out.picture.width) / out.picture.height;
  double cut_height = std::min<double>(photo.height, photo.width / aspect) * random.uniform(0.85, 1.0);
  const int h = std::max(1, static_cast<int>(cut_height)), w = std::clamp(static_cast<int>(cut_height * aspect), 1, photo.width);
  const int x = static_cast<int>(random.integer(0, photo.width - w)), y = static_cast<int>(random.integer(0, photo.height - h));
  const cv::Mat whole(photo.height, photo.width, CV_8UC3, const_cast<std::uint8_t*>(photo.pixels.data()));
  cv::Mat target(out.picture.height, out.picture.width, CV_8UC3, out.picture.pixels.data());
  cv::resize(whole(cv::Rect(x, y, w, h)), target, target.size(), 0, 0, w > target.cols ? cv::INTER_AREA : cv::INTER_LINEAR);
  if (random.chance(0.5)) cv::flip(target, target, 1);
  measure(out);
  return out;
}

std::shared_ptr<const Texture> cut_texture(const Background& background, Random random) {
  const video::Image& picture = background.picture;
  auto texture = std::make_shared<Texture>();
  texture->size = std::min({96, picture.width, picture.height});
  const int x0 = static_cast<int>(random.integer(0, picture.width - texture->size)),
            y0 = static_cast<int>(random.integer(0, picture.height - texture->size));
  // A dye over the print, so that clothes do not vanish in the picture they come from.
  const Color dye = from_hsv(random.uniform(), random.uniform(0.0, 0.6), random.uniform(0.8, 1.25));
  for (int y = 0; y < texture->size; ++y) {
    const std::uint8_t* row = picture.row(y0 + y) + x0 * 3;
    for (int x = 0; x < texture->size; ++x) {
      const auto channel = [&](int c) { return static_cast<float>(row[x * 3 + c] * row[x * 3 + c]) * (1.0f / 65025.0f); };
      texture->texels.push_back(Color{channel(0), channel(1), channel(2)} * dye);
    }
  }
  return texture;
}

Background drawn_background(const Camera& camera, double depth_m, Random random) {
  Background out = empty_background(camera.width, camera.height);
  const Place place(camera, depth_m, random);
  const float exposure = static_cast<float>(random.uniform(0.6, 1.15));
  for (int y = 0; y < out.picture.height; ++y) {
    std::uint8_t* row = out.picture.row(y);
    for (int x = 0; x < out.picture.width; ++x) {
      const Color c = place.at(x + 0.5 - out.margin_x, y + 0.5 - out.margin_y) * exposure;
      const float channels[3] = {c.r, c.g, c.b};
      for (int k = 0; k < 3; ++k)
        row[x * 3 + k] = static_cast<std::uint8_t>(std::clamp(255.0f * std::sqrt(std::max(0.0f, channels[k])), 0.0f, 255.0f));
    }
  }
  cv::Mat picture(out.picture.height, out.picture.width, CV_8UC3, out.picture.pixels.data());
  cv::GaussianBlur(picture, picture, cv::Size(0, 0), random.uniform(0.5, 1.6) * camera.height / 288.0 + 0.1);
  measure(out);
  return out;
}

}  // namespace vepe::synth
