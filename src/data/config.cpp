#include "data/config.h"

#include <fmt/format.h>

#include "core/error.h"

namespace vepe::data {
namespace {

void check_order(const TableReader& reader, const char* key, double low, double high) {
  if (low > high) reader.fail(key, fmt::format("the lower end {} is above the upper end {}", low, high), "exchange them");
}

}  // namespace

DatasetConfig read_dataset_config(TableReader reader) {
  DatasetConfig config;
  reader.read_choice("kind", config.kind, {"coco", "posetrack", "images"});
  reader.read("annotations", config.annotations);
  reader.read("images", config.images);
  reader.read("joints", config.joints);
  reader.read("include_ids", config.include_ids);
  reader.read("exclude_ids", config.exclude_ids);
  reader.read_choice("bystanders", config.bystanders, {"auto", "labelled", "unlabelled"});
  reader.read("weight", config.weight, 0.0, 1000.0);
  reader.finish();
  if (config.images.empty()) reader.fail("images", "is missing", "give the folder of the pictures");
  if (config.kind != "images" && config.annotations.empty())
    reader.fail("annotations", "is missing", "give the annotation file, or kind = \"images\"");
  if (config.kind == "images" && !config.annotations.empty())
    reader.fail("annotations", "is not used by kind = \"images\"", "remove it, or use kind = \"coco\"");
  return config;
}

AugmentConfig read_augment_config(TableReader reader) {
  AugmentConfig config;
  reader.read_choice("policy", config.policy, {"affine", "petr", "none"});
  reader.read("flip", config.flip, 0, 1);
  reader.read("rotation", config.rotation, 0, 180);
  reader.read("long_sides", config.long_sides, 32, 4096);
  reader.read("scale_low", config.scale_low, 0.05, 20);
  reader.read("scale_high", config.scale_high, 0.05, 20);
  reader.read("translate", config.translate, 0, 1);
  reader.read("aspect", config.aspect, 0, 1);
  reader.read("short_low", config.short_low, 32, 8192);
  reader.read("short_high", config.short_high, 32, 8192);
  reader.read("long_max", config.long_max, 32, 8192);
  reader.read("crop_shorts", config.crop_shorts, 32, 8192);
  reader.read("crop_low", config.crop_low, 16, 8192);
  reader.read("crop_high", config.crop_high, 16, 8192);
  reader.read("photometric", config.photometric, 0, 1);
  reader.read("brightness", config.brightness, 0, 255);
  reader.read("contrast_low", config.contrast_low, 0, 10);
  reader.read("contrast_high", config.contrast_high, 0, 10);
  reader.read("saturation_low", config.saturation_low, 0, 10);
  reader.read("saturation_high", config.saturation_high, 0, 10);
  reader.read("hue", config.hue, 0, 180);
  reader.read("permute", config.permute, 0, 1);
  reader.read("grey", config.grey, 0, 1);
  reader.read("blur", config.blur, 0, 1);
  reader.read("blur_max", config.blur_max, 2, 31);
  reader.read("noise", config.noise, 0, 1);
  reader.read("noise_max", config.noise_max, 0, 64);
  reader.read("occluders", config.occluders, 0, 1);
  reader.read("mosaic", config.mosaic, 0, 1);
  reader.read("background", config.background, 0, 1);
  reader.read("min_person", config.min_person, 0, 512);
  reader.read("border", config.border, 0, 255);
  reader.finish();
  if (config.long_sides.empty()) reader.fail("long_sides", "is empty", "give at least one size");
  if (config.crop_shorts.empty()) reader.fail("crop_shorts", "is empty", "give at least one size");
  if (config.border.size() != 3) reader.fail("border", "is not a colour", "give red, green, blue");
  if (config.mosaic > 0 && config.policy != "affine") reader.fail("mosaic", "needs policy = \"affine\"", "set mosaic = 0");
  check_order(reader, "scale_low", config.scale_low, config.scale_high);
  check_order(reader, "short_low", config.short_low, config.short_high);
  check_order(reader, "crop_low", config.crop_low, config.crop_high);
  check_order(reader, "contrast_low", config.contrast_low, config.contrast_high);
  check_order(reader, "saturation_low", config.saturation_low, config.saturation_high);
  return config;
}

ClipConfig read_clip_config(TableReader reader) {
  ClipConfig config;
  reader.read("frames", config.frames, 1, 63);
  reader.read("stride", config.stride, 1, 1000);
  reader.read("max_stride", config.max_stride, 0, 1000);
  if (config.max_stride != 0 && config.max_stride < config.stride)
    reader.fail("max_stride", "is less than stride", "give at least stride, or 0 for one stride");
  reader.read_choice("window", config.window, {"centered", "causal"});
  reader.read("motion", config.motion, 0, 0.5);
  reader.read("motion_rotation", config.motion_rotation, 0, 45);
  reader.read("motion_zoom", config.motion_zoom, 0, 0.5);
  reader.finish();
  if (config.window == "centered" && config.frames % 2 == 0)
    reader.fail("frames", "is even, a centered window has a middle frame", "use an odd number");
  return config;
}

LoaderConfig read_loader_config(TableReader reader) {
  LoaderConfig config;
  auto seed = static_cast<std::int64_t>(config.seed);
  reader.read("batch", config.batch, 1, 4096);
  reader.read("pad_multiple", config.pad_multiple, 1, 256);
  reader.read("workers", config.workers, 0, 256);
  reader.read("queue", config.queue, 1, 1024);
  config.clip = read_clip_config(reader.table("clip"));
  reader.read("seed", seed, 0, std::int64_t{1} << 62);
  reader.finish();
  config.seed = static_cast<std::uint64_t>(seed);
  return config;
}

}  // namespace vepe::data
