#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/interrupt.h"
#include "video/demuxer.h"
#include "video/image_jpeg.h"
#include "video/reader_backend.h"
#include "video/rgb_converter.h"

extern "C" {
#include <libavutil/display.h>
}

namespace vepe::video {
namespace {

constexpr char kReencode[] = "re-encode it with another tool, or check that the file is complete";

// A frame that follows a key frame in the file may still be shown before it; H.264 and HEVC allow 16 of them.
constexpr std::int64_t kMostReordered = 16;

class LibavBackend : public VideoReader::Backend {
 public:
  LibavBackend(const std::string& source, const ReaderOptions& options) : source_(source), options_(options) {
    open();
    const bool sought = seek_near_first();
    has_pending_ = decode(*decoded_) && (!sought || count_from_time());
    if (sought && !has_pending_) {  // the index promised what the frames do not keep: count from the start instead
      open();
      has_pending_ = decode(*decoded_);
    }
    if (!has_pending_) {
      if (interrupted()) throw Error(ErrorCode::kInterrupted, source_, "interrupted");
      throw Error(ErrorCode::kInput, source_, "no frame of its video stream can be decoded", kReencode);
    }
    describe();
  }

  bool read(Frame& frame) override {
    while (!options_.range.is_past(next_index_) && !interrupted()) {
      if (!std::exchange(has_pending_, false) && !decode(*decoded_)) break;
      ++report.frames_decoded;
      const double pts_s = time_of(*decoded_);
      const std::int64_t index = next_index_++;
      if (!options_.range.contains(index)) continue;
      check_image_size(static_cast<std::uint64_t>(decoded_->width), static_cast<std::uint64_t>(decoded_->height), kMaxImagePixels,
                       source_);
      converter_.convert(*decoded_, orientation_of(*decoded_), frame.image);
      frame.index = index;
      frame.pts_s = pts_s;
      ++handed_out_;
      return true;
    }
    finish_report();
    return false;
  }

 private:
  void open() {
    demuxer_ = std::make_unique<Demuxer>(source_, options_.timeout_s);
    const int index = demuxer_->best_stream(AVMEDIA_TYPE_VIDEO);
    if (index < 0) {
      const bool audio = demuxer_->best_stream(AVMEDIA_TYPE_AUDIO) >= 0;
      throw Error(ErrorCode::kInput, source_, audio ? "there is only audio, no video stream" : "there is no video stream in it",
                  "choose a file with a video track");
    }
    demuxer_->select(index);
    stream_ = demuxer_->stream(index);
    const AVCodec* codec = avcodec_find_decoder(stream_->codecpar->codec_id);
    if (codec == nullptr) {
      throw Error(ErrorCode::kInput, source_, std::string("no decoder for ") + avcodec_get_name(stream_->codecpar->codec_id),
                  "re-encode the video as H.264");
    }
    decoder_.reset(avcodec_alloc_context3(codec));
    if (!decoder_ || avcodec_parameters_to_context(decoder_.get(), stream_->codecpar) < 0)
      throw Error(ErrorCode::kMemory, source_, "out of memory");
    decoder_->pkt_timebase = stream_->time_base;
    decoder_->thread_count = options_.threads;
    decoder_->opaque = &complaints_;
    const int error = avcodec_open2(decoder_.get(), codec, nullptr);
    if (error < 0) throw Error(ErrorCode::kInput, source_, "the decoder refuses the video: " + libav_message(error), kReencode);
    packet_ = make_packet();
    decoded_ = make_frame();
    draining_ = false;
    next_index_ = 0;
    start_ = stream_->start_time;
  }

  // Goes to the last key frame that is surely before range.first, if the container's index proves a constant frame rate
  // up to there, so that frame numbers follow from times. Says whether it did.
  bool seek_near_first() {
    const std::int64_t count = avformat_index_get_entries_count(stream_);
    if (demuxer_->is_live() || options_.range.first <= kMostReordered || count != stream_->nb_frames ||
        count <= options_.range.first)
      return false;
    const AVIndexEntry* start = avformat_index_get_entry(stream_, 0);
    const AVIndexEntry* second = avformat_index_get_entry(stream_, 1);
    ticks_per_frame_ = second->timestamp - start->timestamp;
    const std::int64_t start_timestamp = start->timestamp;
    std::int64_t key = 0, key_timestamp = 0;
    for (std::int64_t i = 0; i <= options_.range.first; ++i) {
      const AVIndexEntry* entry = avformat_index_get_entry(stream_, static_cast<int>(i));
      if (entry->size == 0 || entry->timestamp != start_timestamp + i * ticks_per_frame_) return false;
      if ((entry->flags & AVINDEX_KEYFRAME) != 0 && i + kMostReordered <= options_.range.first)
        key = i, key_timestamp = entry->timestamp;
    }
    if (key == 0 || ticks_per_frame_ <= 0) return false;
    return av_seek_frame(demuxer_->get(), stream_->index, key_timestamp, AVSEEK_FLAG_BACKWARD) >= 0;
  }

  // After seeking: the number of the first decoded frame from its time.
  bool count_from_time() {
    const std::int64_t time = decoded_->best_effort_timestamp;
    if (time == AV_NOPTS_VALUE || start_ == AV_NOPTS_VALUE || (time - start_) % ticks_per_frame_ != 0) return false;
    next_index_ = (time - start_) / ticks_per_frame_;
    return next_index_ <= options_.range.first;
  }

  // The next frame in presentation order; false at the end.
  bool decode(AVFrame& frame) {
    constexpr int kMostErrorsInARow = 4096;
    for (int errors = 0; errors < kMostErrorsInARow && !interrupted();) {
      const int result = avcodec_receive_frame(decoder_.get(), &frame);
      if (result == 0) return true;
      if (result == AVERROR_EOF) return false;
      if (result != AVERROR(EAGAIN)) {
        ++errors;
        ++packets_refused_;
      } else if (!feed()) {
        return false;
      }
    }
    return false;
  }

  // Gives the decoder one more packet, or the sign that there are no more.
  bool feed() {
    if (draining_) return false;
    const int result = demuxer_->read(packet_.get());
    if (result < 0) {
      if (result != AVERROR_EOF && result != AVERROR_EXIT) report.truncated = true;
      draining_ = true;
      avcodec_send_packet(decoder_.get(), nullptr);  // an error here is one of an earlier packet; sound frames may follow
      return true;
    }
    if (packet_->stream_index == stream_->index) {
      if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) ++packets_refused_;
      if ((packet_->flags & AV_PKT_FLAG_DISCARD) != 0) ++packets_hidden_;
      const int sent = avcodec_send_packet(decoder_.get(), packet_.get());
      if (sent < 0 && sent != AVERROR(EAGAIN)) ++packets_refused_;
    }
    av_packet_unref(packet_.get());
    return true;
  }

  // Seconds from the start of the stream. Missing stamps continue at the average rate, and a jump back (joined
  // transport streams) shifts what follows, so that times always rise.
  double time_of(const AVFrame& frame) {
    const double frame_s = info.fps > 0 ? 1 / info.fps : 0.04;
    std::int64_t stamp = frame.best_effort_timestamp;
    double time = last_pts_s_ + frame_s;
    if (stamp != AV_NOPTS_VALUE) {
      if (start_ == AV_NOPTS_VALUE) start_ = stamp;
      // A division, not a product with the time base: 3 / 10 is nearer to 0.3 than 3 * 0.1 is.
      time = static_cast<double>(stamp - start_) * stream_->time_base.num / stream_->time_base.den + shift_s_;
      if (has_last_pts_ && time <= last_pts_s_) {
        shift_s_ += last_pts_s_ + frame_s - time;
        time = last_pts_s_ + frame_s;
      }
    } else if (!has_last_pts_) {
      time = 0;
    }
    has_last_pts_ = true;
    return last_pts_s_ = time;
  }

  Orientation orientation_of(const AVFrame& frame) const {
    if (const std::uint8_t* matrix = av_stream_get_side_data(stream_, AV_PKT_DATA_DISPLAYMATRIX, nullptr)) {
      return orientation_of_matrix(reinterpret_cast<const std::int32_t*>(matrix));
    }
    const AVFrameSideData* side = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
    return side != nullptr ? orientation_of_matrix(reinterpret_cast<const std::int32_t*>(side->data)) : Orientation::kUpright;
  }

  void describe() {
    const bool turned = swaps_sides(orientation_of(*decoded_));
    info.source = source_;
    info.container = demuxer_->get()->iformat->name;
    info.codec = avcodec_get_name(decoder_->codec_id);
    info.width = turned ? decoded_->height : decoded_->width;
    info.height = turned ? decoded_->width : decoded_->height;
    info.live = demuxer_->is_live();
    info.has_audio = demuxer_->best_stream(AVMEDIA_TYPE_AUDIO) >= 0;
    const AVRational rate = av_guess_frame_rate(demuxer_->get(), stream_, nullptr);
    const AVRational average = stream_->avg_frame_rate.num > 0 && stream_->avg_frame_rate.den > 0 ? stream_->avg_frame_rate : rate;
    if (average.num > 0 && average.den > 0) info.fps = av_q2d(average);
    const AVRational aspect = av_guess_sample_aspect_ratio(demuxer_->get(), stream_, decoded_.get());
    if (aspect.num > 0 && aspect.den > 0) info.pixel_aspect = turned ? 1 / av_q2d(aspect) : av_q2d(aspect);
    if (info.live) return;
    if (demuxer_->get()->duration > 0) info.duration_s = static_cast<double>(demuxer_->get()->duration) / AV_TIME_BASE;
    if (stream_->nb_frames > 0) {
      info.frame_count = stream_->nb_frames;
    } else if (info.duration_s && info.fps > 0) {
      info.frame_count = std::llround(*info.duration_s * info.fps);
    }
  }

  void finish_report() {
    if (!report.warning.empty() || interrupted()) return;
    report.errors = std::max(complaints_.load(), packets_refused_);
    const std::int64_t announced = stream_->nb_frames - packets_hidden_;
    const bool at_end = draining_ && !options_.range.is_past(next_index_);
    // Some containers count frames that are never shown, so a few missing ones prove nothing.
    if (at_end && !info.live && announced - next_index_ > std::max<std::int64_t>(2, announced / 50)) report.truncated = true;
    if (report.truncated) {
      report.warning = source_ + ": the file ends early, after " + std::to_string(next_index_) + " frames" +
                       (announced > next_index_ ? " of " + std::to_string(announced) : "") + "; it seems to be cut off";
    } else if (report.errors > 0) {
      report.warning =
          source_ + ": damaged data: the decoder met " + std::to_string(report.errors) + " errors, some frames may look broken";
    } else if (handed_out_ == 0) {
      report.warning = source_ + ": no frame in the range; the video has " + std::to_string(next_index_) + " frames";
    }
  }

  const std::string source_;
  const ReaderOptions options_;
  std::unique_ptr<Demuxer> demuxer_;
  AVStream* stream_ = nullptr;
  ErrorCount complaints_ = 0;  // outlives the decoder, whose threads count here
  AvCodec decoder_;
  AvPacket packet_;
  AvFrame decoded_;
  RgbConverter converter_;
  bool draining_ = false, has_pending_ = false, has_last_pts_ = false;
  std::int64_t next_index_ = 0, handed_out_ = 0, start_ = AV_NOPTS_VALUE, ticks_per_frame_ = 0;
  std::int64_t packets_refused_ = 0, packets_hidden_ = 0;
  double last_pts_s_ = 0, shift_s_ = 0;
};

}  // namespace

std::unique_ptr<VideoReader::Backend> open_with_libav(const std::string& source, const ReaderOptions& options) {
  return std::make_unique<LibavBackend>(source, options);
}

}  // namespace vepe::video
