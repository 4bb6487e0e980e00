#include "infer/predictor.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <thread>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/queue.h"
#include "formats/joints.h"
#include "infer/similarity.h"
#include "video/draw.h"
#include "video/reader.h"

namespace vepe::infer {
namespace {

// How far a person's box reaches beyond the keypoints, as a share of the longer side of their extent: medians of 1,813 whole
// people of coco_train (hair above the eyes, feet below the ankles).
constexpr double kBesideKeypoints = 0.06, kAboveKeypoints = 0.10, kBelowKeypoints = 0.09;

constexpr std::size_t kQueuedFrames = 4;

struct Predicted {
  video::Frame frame;
  std::vector<Pose> poses;
  std::vector<std::int64_t> ids;
};

std::vector<std::vector<video::DrawKeypoint>> draw_keypoints(const std::vector<Pose>& poses) {
  std::vector<std::vector<video::DrawKeypoint>> all;
  for (const Pose& pose : poses) {
    auto& keypoints = all.emplace_back();
    for (const PoseKeypoint& p : pose.keypoints) keypoints.push_back({p.x, p.y, p.score});
  }
  return all;
}

void check(const Engine& engine, const PredictOptions& options) {
  if ((!options.save_embeddings && !options.save_similarity) || engine.has_embeddings()) return;
  throw Error(ErrorCode::kUsage, "embeddings", "the model has no instance queries, or they are switched off",
              "use a model with a temporal phase and icm = true, without --temporal off");
}

std::vector<video::DrawPerson> draw_persons(const std::vector<std::vector<video::DrawKeypoint>>& keypoints,
                                            const std::vector<Pose>& poses, const std::vector<std::int64_t>& ids) {
  std::vector<video::DrawPerson> people;
  for (std::size_t i = 0; i < poses.size(); ++i) people.push_back({keypoints[i], poses[i].score, ids.empty() ? -1 : ids[i]});
  return people;
}

// Writes everything that a source is asked to leave behind. Lives on the writing thread.
class Outputs {
 public:
  Outputs(const video::Source& source, const video::VideoInfo& info, const PredictOptions& options, const std::string& joint_set)
      : skeleton_(video::skeleton_of(*formats::find_joint_set(joint_set))),
        picture_(source.kind == video::SourceKind::kPicture),
        embeddings_(options.save_embeddings) {
    const std::string stem = source.stem;
    if (options.save_video && !picture_) {
      video::WriterOptions writing;
      writing.fps = info.fps > 0 ? info.fps : 25;
      writing.pixel_aspect = info.pixel_aspect;
      writing.threads = options.encoder_threads;
      if (info.has_audio && !info.live && source.kind == video::SourceKind::kVideo) writing.audio_source = source.name;
      const auto path = options.output / (stem + ".mp4");
      video_.emplace(path, writing);
      files_.push_back(path);
    }
    if (options.save_video && picture_) picture_path_ = options.output / (stem + ".jpg");
    if (options.save_similarity) {
      similarity_.emplace(options.similarity_frames, source.name);
      similarity_path_ = options.output / (stem + ".similarity.png");
    }
    for (const formats::Format format : options.formats) {
      if (format == formats::Format::kCocoResults) continue;  // one file for all pictures, the caller's
      formats::WriterOptions writing;
      writing.sequence_name = stem;
      writing.joint_names = formats::find_joint_set(joint_set)->names;
      writing.coordinate_decimals = 2;
      writing.score_decimals = 4;
      const auto path = formats::prediction_path(options.output, stem, format);
      writers_.push_back(formats::open_writer(format, path, writing));
      files_.push_back(path);
    }
  }

  void write(Predicted& item) {
    const video::Image& image = item.frame.image;
    formats::Frame frame = to_frame(item.poses, item.ids, item.frame.index, item.frame.pts_s, image.width, image.height);
    for (std::size_t i = 0; embeddings_ && i < item.poses.size(); ++i) frame.persons[i].embedding = item.poses[i].embedding;
    for (auto& writer : writers_) writer->write(frame);
    if (similarity_) similarity_->offer(item.frame, item.poses, item.ids);
    if (!video_ && picture_path_.empty()) return;
    const auto keypoints = draw_keypoints(item.poses);
    const auto people = draw_persons(keypoints, item.poses, item.ids);
    trails_.update(people);
    if (video_) trails_.draw(item.frame.image);
    video::draw_people(item.frame.image, people, skeleton_);
    if (video_) {
      video_->write(item.frame.image, item.frame.pts_s);
    } else {
      video::write_image(picture_path_, item.frame.image);
      files_.push_back(picture_path_);
    }
  }

  // One output that fails does not take the others with it; the first error is thrown when all are closed.
  void close(bool whole) {
    std::exception_ptr failure;
    const auto attempt = [&failure](auto part) {
      try {
        part();
        return true;
      } catch (...) {
        if (!failure) failure = std::current_exception();
        return false;
      }
    };
    // First: what a video leaves that does not fit on a full disk is room for the others.
    if (video_ && !attempt([&] { video_->close(whole); })) video_.reset();
    for (auto& writer : writers_) attempt([&] { writer->close(); });
    if (similarity_) attempt([&] { save_similarity(); });
    if (failure) std::rethrow_exception(failure);
  }
  std::string warning() const {
    const std::string text = video_ ? video_->warning() : "";
    return text.empty() ? similarity_warning_ : text;
  }
  const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  void save_similarity() {
    if (const auto picture = similarity_->picture(skeleton_)) {
      video::write_image(similarity_path_, *picture);
      files_.push_back(similarity_path_);
    } else {
      similarity_warning_ = "no two frames to compare: a frame with two people and a later one with one are wanted";
    }
  }

  video::Skeleton skeleton_;
  bool picture_, embeddings_;
  std::optional<video::VideoWriter> video_;
  std::filesystem::path picture_path_;
  std::vector<std::unique_ptr<formats::PredictionWriter>> writers_;
  std::vector<std::filesystem::path> files_;
  video::Trails trails_;
  std::optional<Similarity> similarity_;
  std::filesystem::path similarity_path_;
  std::string similarity_warning_;
};

video::VideoReader open(const video::Source& source, const PredictOptions& options) {
  video::ReaderOptions reading;
  reading.range = options.range;
  reading.threads = options.decoder_threads;
  if (source.kind == video::SourceKind::kVideo) return video::VideoReader(source.name, reading);
  return video::VideoReader(source.pictures, reading);
}

// A thread that closes its queues when it ends and keeps what it threw.
class Worker {
 public:
  template <typename Work, typename AtEnd>
  Worker(Work work, AtEnd at_end)
      : thread_([this, work, at_end] {
          try {
            work();
          } catch (...) {
            failure_ = std::current_exception();
          }
          at_end();
        }) {}
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  void rethrow() {
    if (failure_) std::rethrow_exception(failure_);
  }
  ~Worker() { join(); }

 private:
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace

formats::Frame to_frame(const std::vector<Pose>& poses, const std::vector<std::int64_t>& ids, std::int64_t index, double pts_s,
                        int width, int height) {
  formats::Frame frame;
  frame.index = index;
  frame.image_id = index;
  frame.pts_seconds = pts_s;
  frame.width = width;
  frame.height = height;
  frame.is_labeled = true;
  for (std::size_t i = 0; i < poses.size(); ++i) {
    formats::Person person;
    double x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
    for (const PoseKeypoint& p : poses[i].keypoints) {
      person.keypoints.push_back({p.x, p.y, p.score, 1, true});
      x0 = std::min<double>(x0, p.x), x1 = std::max<double>(x1, p.x);
      y0 = std::min<double>(y0, p.y), y1 = std::max<double>(y1, p.y);
    }
    const double side = std::max(x1 - x0, y1 - y0);
    x0 -= kBesideKeypoints * side, x1 += kBesideKeypoints * side;
    y0 -= kAboveKeypoints * side, y1 += kBelowKeypoints * side;
    person.bbox = formats::Box{x0, y0, x1 - x0, y1 - y0};
    person.score = poses[i].score;
    person.id = static_cast<std::int64_t>(i) + 1;
    if (i < ids.size() && ids[i] >= 0) person.track_id = ids[i];
    frame.persons.push_back(std::move(person));
  }
  return frame;
}

void draw_poses(video::Image& image, const std::vector<Pose>& poses, const std::vector<std::int64_t>& ids,
                const std::string& joint_set) {
  const auto keypoints = draw_keypoints(poses);
  video::draw_people(image, draw_persons(keypoints, poses, ids), video::skeleton_of(*formats::find_joint_set(joint_set)));
}

PredictResult predict_source(Engine& engine, const video::Source& source, const PredictOptions& options,
                             const FrameCallback& on_frame) {
  check(engine, options);
  make_output_folder(options.output);
  video::VideoReader reader = open(source, options);
  const video::VideoInfo info = reader.info();
  const bool picture = source.kind == video::SourceKind::kPicture;

  TrackerOptions tracking;
  tracking.sigmas = formats::find_joint_set(engine.joint_set())->sigmas;
  tracking.start_threshold = options.threshold;
  tracking.keep_threshold = kKeepShare * options.threshold;
  tracking.alpha = options.alpha;
  tracking.colour = options.colour;
  const ClothedJoints joints = clothed_joints(*formats::find_joint_set(engine.joint_set()));
  Tracker tracker(tracking);
  Stream stream(engine, !picture || options.temporal_pictures);
  std::set<std::int64_t> tracks;

  BoundedQueue<video::Frame> decoded(kQueuedFrames);
  BoundedQueue<Predicted> predicted(kQueuedFrames);
  Outputs outputs(source, info, options, engine.joint_set());
  PredictResult result;
  bool whole = false;
  const auto run = [&] {
    Worker decode(
        [&] {
          for (;;) {
            video::Frame frame;
            if (!reader.read(frame)) break;
            if (!decoded.push(std::move(frame))) break;
          }
        },
        [&] { decoded.close(); });
    Worker write(
        [&] {
          while (auto item = predicted.pop()) outputs.write(*item);
        },
        [&] { predicted.close(); });
    const auto hand_on = [&](std::vector<Estimate> ready) {  // false when the writer failed
      for (Estimate& estimate : ready) {
        Predicted item;
        std::vector<Pose>& poses = estimate.poses;
        std::vector<Clothes> clothes;
        if (!picture && options.colour > 0) clothes = describe_clothes(estimate.frame.image, poses, joints);
        const std::vector<std::int64_t> ids =
            picture ? std::vector<std::int64_t>(poses.size(), -1) : tracker.update(poses, clothes);
        for (std::size_t i = 0; i < poses.size(); ++i) {
          // In a video whoever has no track is a second pose on somebody, or a weak one that nobody waits for.
          if (ids[i] < 0 && (!picture || poses[i].score < static_cast<float>(options.threshold))) continue;
          if (ids[i] >= 0) tracks.insert(ids[i]);
          item.ids.push_back(ids[i]);
          item.poses.push_back(std::move(poses[i]));
        }
        result.people += static_cast<std::int64_t>(item.poses.size());
        item.frame = std::move(estimate.frame);
        if (!predicted.push(std::move(item))) return false;
        ++result.frames;
        if (on_frame) on_frame(result.frames, info.frame_count);
      }
      return true;
    };
    try {
      bool going = true;
      while (going) {
        auto frame = decoded.pop();
        going = hand_on(frame ? stream.push(std::move(*frame)) : stream.flush()) && frame;
      }
    } catch (...) {
      decoded.close();
      predicted.close();
      throw;
    }
    decoded.close();
    predicted.close();
    decode.join();
    write.join();
    write.rethrow();
    decode.rethrow();
    whole = !interrupted() && options.range.is_all();
  };
  try {
    run();
  } catch (...) {
    try {
      if (result.frames > 0) outputs.close(false);  // the frames that are done stay
    } catch (...) {                                 // the first error is told
    }
    throw;
  }
  outputs.close(whole);
  result.tracks = static_cast<std::int64_t>(tracks.size());
  result.files = outputs.files();
  result.warning = reader.report().warning;
  if (result.warning.empty()) result.warning = outputs.warning();
  return result;
}

}  // namespace vepe::infer
