// Poses and track ids of a video, frame by frame:  stream MODEL VIDEO
#include <cstdio>

#include "core/error.h"
#include "formats/joints.h"
#include "infer/stream.h"
#include "infer/tracker.h"

int main(int argc, char** argv) try {
  if (argc != 3) throw vepe::Error(vepe::ErrorCode::kUsage, "", "a model and a video are wanted", "stream MODEL VIDEO");
  vepe::infer::EngineOptions options;
  options.model = argv[1];
  vepe::infer::Engine engine(options);
  vepe::infer::Stream stream(engine);
  vepe::infer::TrackerOptions tracking;
  tracking.sigmas = vepe::formats::find_joint_set(engine.joint_set())->sigmas;
  vepe::infer::Tracker tracker(tracking);
  const auto joints = vepe::infer::clothed_joints(*vepe::formats::find_joint_set(engine.joint_set()));

  const auto show = [&](const std::vector<vepe::infer::Estimate>& ready) {
    for (const auto& [frame, poses] : ready) {
      const auto ids = tracker.update(poses, vepe::infer::describe_clothes(frame.image, poses, joints));
      for (std::size_t i = 0; i < poses.size(); ++i) {
        const auto& nose = poses[i].keypoints[0];
        std::printf("%.3f s  id %lld  score %.2f  nose %.0f %.0f\n", frame.pts_s, static_cast<long long>(ids[i]), poses[i].score,
                    nose.x, nose.y);
      }
    }
  };
  vepe::video::VideoReader reader(argv[2]);
  for (vepe::video::Frame frame; reader.read(frame); frame = {}) show(stream.push(std::move(frame)));
  show(stream.flush());
  return 0;
} catch (const vepe::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_status();
}
