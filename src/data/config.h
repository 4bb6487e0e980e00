#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config.h"

namespace vepe::data {

// One set of pictures. TOML: one table of the array `[[data.train]]` or `[data.validation]`.
struct DatasetConfig {
  // "coco": annotation file + folder. "posetrack": PoseTrack18 or 21 files, one a video + folder of frames. "images": every
  // picture of a folder, nobody on them.
  std::string kind = "coco";
  std::string annotations;          // file ("coco", "posetrack") or folder of files ("posetrack")
  std::string images;               // folder
  std::string joints;               // joint set to convert to ("posetrack15"); empty: that of the file
  std::string include_ids;          // text file with one image id (or file name) a line; only these are used
  std::string exclude_ids;          // the same; these are left out (hold-out split)
  std::string bystanders = "auto";  // "labelled", "unlabelled", "auto": what `info.bystanders` of the file says
  double weight = 1.0;              // pictures of an epoch as a share of the set: 0.5 half of it, 3 each picture three times
};

// Every random change of a training picture. Probabilities are 0..1; lengths are pixels of the network input.
struct AugmentConfig {
  // "affine": one warp per picture. "petr": PETR's resize and crop policies. "none": resize to `long_sides[0]` only.
  std::string policy = "affine";
  double flip = 0.5;
  double rotation = 30;  // degrees, uniform within +-

  // "affine": the canvas keeps the picture's aspect ratio, its long side is one of these (one draw per batch).
  std::vector<int> long_sides = {256, 320, 384, 448, 512};
  double scale_low = 0.7, scale_high = 1.4;  // of the picture on that canvas, log-uniform
  double translate = 0.1;                    // share of the canvas beyond what the scale itself frees
  double aspect = 0.0;                       // x and y scales differ by up to this factor - 1

  // "petr" (defaults: the public recipe)
  int short_low = 400, short_high = 1400, long_max = 1400;
  std::vector<int> crop_shorts = {400, 500, 600};  // short side before the crop
  int crop_low = 384, crop_high = 600;

  // Photometric, in mmdet's order: each with `photometric` probability.
  double photometric = 0.5;
  double brightness = 32;  // added, +-
  double contrast_low = 0.5, contrast_high = 1.5;
  double saturation_low = 0.5, saturation_high = 1.5;
  double hue = 18;       // degrees, +-
  double permute = 0.5;  // probability of a random order of the channels
  double grey = 0.0;     // probability of a grey picture

  double blur = 0.0;                          // probability of motion or Gaussian blur
  double blur_max = 7;                        // length of motion; a third of it is the largest Gaussian sigma
  double noise = 0.0;                         // probability of pixel noise
  double noise_max = 8;                       // its standard deviation, grey levels
  double occluders = 0.0;                     // probability of 1-3 patches that hide a part of a person
  double mosaic = 0.0;                        // probability that a picture is made of four
  double background = 0.0;                    // probability of a part of the picture without anybody, where there is one
  double min_person = 0;                      // a person whose box is smaller (longer side) becomes a region to ignore
  std::vector<int> border = {124, 116, 104};  // colour outside the picture (mean of ImageNet)
  std::vector<int> flip_order;                // not a key of TOML: the loader takes it from the sets
};

// Clips for the temporal stage. One draw of augmentation holds for a whole clip.
struct ClipConfig {
  int frames = 1;                   // T, odd for "centered"; 1: single pictures
  int stride = 1;                   // source frames between them
  int max_stride = 0;               // above `stride`: each training clip of a video draws its own, between the two
  std::string window = "centered";  // "centered": key frame in the middle; "causal": last
  // Stills are moved by a smooth virtual camera: largest speeds, per frame.
  double motion = 0.02;        // share of the canvas
  double motion_rotation = 1;  // degrees
  double motion_zoom = 0.02;   // share of the scale

  int key() const { return window == "causal" ? frames - 1 : frames / 2; }
};

struct LoaderConfig {
  int batch = 8;
  int pad_multiple = 32;
  int workers = 2;  // threads; the batches do not depend on it; 0: made by the caller of `next`
  int queue = 4;    // batches made ahead
  std::uint64_t seed = 0;
  int rank = 0, world = 1;  // data-parallel training: this process takes batches rank, rank + world, ... (not TOML keys)
  ClipConfig clip;          // TOML: a sub-table
};

// Read and `finish` a table. Keys are the names above; errors as TableReader.
DatasetConfig read_dataset_config(TableReader reader);
AugmentConfig read_augment_config(TableReader reader);
ClipConfig read_clip_config(TableReader reader);
LoaderConfig read_loader_config(TableReader reader);

}  // namespace vepe::data
