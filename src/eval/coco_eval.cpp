#include "eval/coco_eval.h"

#include "core/error.h"
#include "formats/coco.h"
#include "formats/joints.h"

namespace vepe::eval {

CocoReport evaluate_coco(const std::filesystem::path& gt, const std::filesystem::path& predictions, const CocoOptions& options,
                         OksCurves* curves) {
  std::vector<formats::Skipped> skipped;
  const formats::ReadOptions read{options.lenient, &skipped, options.threads};
  const formats::CocoDataset annotations = formats::read_coco(gt, read);
  const formats::JointSet* joints = formats::find_joint_set(annotations.poses.joint_names);
  if (!joints) {
    throw Error(ErrorCode::kInput, gt.string(), "the category's keypoints are no known joint set, so their sigmas are not known",
                "use COCO's 17 keypoint names");
  }
  const formats::Sequence detections = formats::read_coco_results(predictions, read);
  const std::vector<OksImage> images = make_oks_images(annotations.poses, detections, options.lenient ? &skipped : nullptr);

  const OksResult result =
      evaluate_oks(images, {joints->sigmas, options.max_detections, options.threads, options.strict_definition});
  CocoReport report{.summary = result.summary};
  report.resamples = options.resamples;
  if (options.resamples > 0) {
    report.intervals = bootstrap_oks(result, options.resamples, options.seed, 0.95, options.threads, options.strict_definition);
  }
  report.keypoints = analyse_keypoints(images, result, joints->names, joints->flip, joints->sigmas);
  report.images = images.size();
  for (const auto& image : images) {
    report.annotations += image.gt.size();
    report.detections += image.dt.size();
  }
  if (curves) *curves = result.curves;
  if (options.skipped) options.skipped->insert(options.skipped->end(), skipped.begin(), skipped.end());
  return report;
}

}  // namespace vepe::eval
