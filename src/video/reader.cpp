#include "video/reader.h"

#include <utility>

#include "core/error.h"
#include "core/interrupt.h"
#include "video/reader_backend.h"
#include "video/source.h"

namespace vepe::video {
namespace {

class PictureSequence : public VideoReader::Backend {
 public:
  PictureSequence(std::vector<std::filesystem::path> pictures, const ReaderOptions& options)
      : pictures_(std::move(pictures)), range_(options.range), fps_(options.image_fps) {
    if (pictures_.empty()) throw Error(ErrorCode::kInput, "", "an empty list of pictures", "name at least one picture");
    next_ = range_.first;
    find_first();
    info.source = pictures_.front().string();
    info.container = info.codec = "images";
    info.width = pending_.image.width;
    info.height = pending_.image.height;
    info.fps = fps_;
    info.frame_count = static_cast<std::int64_t>(pictures_.size());
    info.duration_s = static_cast<double>(pictures_.size()) / fps_;
  }

  bool read(Frame& frame) override {
    if (has_pending_) {
      has_pending_ = false;
      frame = std::move(pending_);
      return true;
    }
    while (is_inside(next_) && !interrupted()) {
      if (load(frame)) return true;
    }
    return false;
  }

 private:
  bool is_inside(std::int64_t index) const { return index < static_cast<std::int64_t>(pictures_.size()) && !range_.is_past(index); }

  // One picture has to be readable; a range that lies behind the last picture is only a warning.
  void find_first() {
    if (!is_inside(next_)) {
      report.warning = "no picture in the range: there are " + std::to_string(pictures_.size());
      pending_.image = read_image(pictures_.front());
      return;
    }
    std::optional<Error> first_error;
    while (!has_pending_ && is_inside(next_)) {
      has_pending_ = load(pending_);
      if (!has_pending_ && !first_error) first_error = last_error_;
    }
    if (!has_pending_) throw *first_error;
  }

  bool load(Frame& frame) {
    const std::int64_t index = std::exchange(next_, next_ + range_.step);
    try {
      frame.image = read_image(pictures_[static_cast<std::size_t>(index)]);
    } catch (const Error& error) {
      last_error_ = error;
      ++report.errors;
      if (report.warning.empty()) report.warning = error.what();
      return false;
    }
    frame.index = index;
    frame.pts_s = static_cast<double>(index) / fps_;
    ++report.frames_decoded;
    return true;
  }

  std::vector<std::filesystem::path> pictures_;
  FrameRange range_;
  double fps_;
  std::int64_t next_ = 0;
  Frame pending_;
  bool has_pending_ = false;
  std::optional<Error> last_error_;
};

}  // namespace

std::unique_ptr<VideoReader::Backend> open_pictures(std::vector<std::filesystem::path> pictures, const ReaderOptions& options) {
  return std::make_unique<PictureSequence>(std::move(pictures), options);
}

VideoReader::VideoReader(const std::string& source, const ReaderOptions& options)
    : backend_(is_picture_file(source) ? open_pictures({source}, options) : open_with_libav(source, options)) {}

VideoReader::VideoReader(std::vector<std::filesystem::path> pictures, const ReaderOptions& options)
    : backend_(open_pictures(std::move(pictures), options)) {}

VideoReader::~VideoReader() = default;
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;

const VideoInfo& VideoReader::info() const { return backend_->info; }
bool VideoReader::read(Frame& frame) { return backend_->read(frame); }
const ReadReport& VideoReader::report() const { return backend_->report; }

}  // namespace vepe::video
