#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "formats/prediction_writer.h"
#include "infer/engine.h"
#include "infer/stream.h"
#include "infer/tracker.h"
#include "video/frame_range.h"
#include "video/source.h"
#include "video/writer.h"

namespace vepe::infer {

struct PredictOptions {
  std::filesystem::path output;
  bool save_video = true;                // annotated MP4 (or JPEG for a single picture)
  std::vector<formats::Format> formats;  // files beside it
  video::FrameRange range;
  double threshold = kDefaultVideoThreshold;  // poses that are written; tracks may go on at kKeepShare of it
  double alpha = TrackerOptions{}.alpha, colour = TrackerOptions{}.colour;
  bool temporal_pictures = false;  // a single picture goes through the temporal phase as a video of one frame
  bool save_embeddings = false;    // in the JSON Lines
  bool save_similarity = false;    // picture of who looks like whom in two frames (infer/similarity.h)
  std::optional<std::pair<std::int64_t, std::int64_t>> similarity_frames;  // its frames; else the first two that suit
  int decoder_threads = 1, encoder_threads = 1;
};

struct PredictResult {
  std::int64_t frames = 0, people = 0, tracks = 0;
  std::string warning;  // what the reader or the writer could not keep, one line
  std::vector<std::filesystem::path> files;
};

// Called after each frame with the number of frames done and, where known, of all.
using FrameCallback = std::function<void(std::int64_t done, std::optional<std::int64_t> total)>;

// Predicts on one source: decoding, inference (infer/stream.h, infer/tracker.h) and drawing with encoding run side by side,
// joined by bounded queues, so memory does not grow with the length. An interrupt ends the source early and leaves valid files.
// Throws Error: kInput for a source without a frame or without the frames of `similarity_frames`, kOutput for the files,
// kUsage for embeddings or similarities from an engine that has none.
PredictResult predict_source(Engine& engine, const video::Source& source, const PredictOptions& options,
                             const FrameCallback& on_frame = {});

// A picture's poses as a frame of the formats, without embeddings.
formats::Frame to_frame(const std::vector<Pose>& poses, const std::vector<std::int64_t>& ids, std::int64_t index, double pts_s,
                        int width, int height);

// Poses drawn on a picture.
void draw_poses(video::Image& image, const std::vector<Pose>& poses, const std::vector<std::int64_t>& ids,
                const std::string& joint_set);

}  // namespace vepe::infer
