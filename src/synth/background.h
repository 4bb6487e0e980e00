#pragma once

#include <filesystem>
#include <vector>

#include "core/random.h"
#include "synth/camera.h"
#include "synth/shade.h"
#include "video/image.h"

namespace vepe::synth {

// Photographs to put people into, listed once.
class BackgroundLibrary {
 public:
  // Every image file in `folder`, sorted by name. Throws Error(kInput) when the folder is missing or holds none.
  explicit BackgroundLibrary(const std::filesystem::path& folder);
  std::size_t size() const { return paths_.size(); }
  const std::filesystem::path& path(std::size_t i) const { return paths_[i]; }

 private:
  std::vector<std::filesystem::path> paths_;
};

// The still picture behind the people, larger than the frame by kViewMargin on each side for the camera's movement.
struct Background {
  video::Image picture;
  int margin_x = 0, margin_y = 0;
  Color mean{0.25f, 0.25f, 0.25f};  // linear, of the picture
};

// A random cut of a random photograph, perhaps mirrored, that covers frame and margin.
Background photo_background(const BackgroundLibrary& library, int width, int height, Random random);

// A street, a park or a room in the perspective of the camera.
// Rooms end at least `depth_m` away.
Background drawn_background(const Camera& camera, double depth_m, Random random);

// A piece of the background as a cloth's print.
std::shared_ptr<const Texture> cut_texture(const Background& background, Random random);

}  // namespace vepe::synth
