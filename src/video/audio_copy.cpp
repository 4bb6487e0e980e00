#include "video/audio_copy.h"

#include <cmath>

#include "core/error.h"

namespace vepe::video {
namespace {

AVStream* audio_of(const Demuxer& demuxer, const std::string& source) {
  const int index = demuxer.best_stream(AVMEDIA_TYPE_AUDIO);
  if (index < 0) throw Error(ErrorCode::kInput, source, "there is no audio track to copy");
  return demuxer.stream(index);
}

}  // namespace

AudioCopy::AudioCopy(const std::string& source, AVFormatContext* output)
    : demuxer_(source, 15), stream_(audio_of(demuxer_, source)), output_(output), packet_(make_packet()) {
  const AVCodecID codec = stream_->codecpar->codec_id;
  if (avformat_query_codec(output->oformat, codec, FF_COMPLIANCE_NORMAL) != 1) {
    throw Error(ErrorCode::kInput, source,
                std::string("its audio (") + avcodec_get_name(codec) + ") does not fit MP4 and is left out");
  }
  target_ = avformat_new_stream(output, nullptr);
  if (target_ == nullptr || avcodec_parameters_copy(target_->codecpar, stream_->codecpar) < 0)
    throw Error(ErrorCode::kMemory, source, "out of memory");
  target_->codecpar->codec_tag = 0;  // tags belong to the container they came from
  target_->time_base = stream_->time_base;
  const int video = demuxer_.best_stream(AVMEDIA_TYPE_VIDEO);
  if (video >= 0 && demuxer_.stream(video)->start_time != AV_NOPTS_VALUE) {
    video_start_s_ = static_cast<double>(demuxer_.stream(video)->start_time) * av_q2d(demuxer_.stream(video)->time_base);
  }
  demuxer_.select(stream_->index);
}

double AudioCopy::time_of(const AVPacket& packet) const {
  return static_cast<double>(packet.dts) * av_q2d(stream_->time_base) - video_start_s_;
}

int AudioCopy::copy_until(double until_s) {
  for (;;) {
    while (!has_packet_ && !ended_) {
      if (demuxer_.read(packet_.get()) < 0) {
        ended_ = true;
        break;
      }
      // Half a packet before the first frame is silence or the encoder's run-in and still belongs to it.
      const double half_s = 0.5 * static_cast<double>(packet_->duration) * av_q2d(stream_->time_base);
      has_packet_ = packet_->stream_index == stream_->index && packet_->dts != AV_NOPTS_VALUE &&
                    (first_s_ <= 0 || time_of(*packet_) + half_s >= first_s_);
      if (!has_packet_) av_packet_unref(packet_.get());
    }
    if (!has_packet_ || time_of(*packet_) >= until_s) return 0;
    const auto shift = std::llround((video_start_s_ + first_s_) / av_q2d(stream_->time_base));
    packet_->dts -= shift;
    if (packet_->pts != AV_NOPTS_VALUE) packet_->pts -= shift;
    av_packet_rescale_ts(packet_.get(), stream_->time_base, target_->time_base);
    packet_->stream_index = target_->index;
    packet_->pos = -1;
    has_packet_ = false;
    const int error = av_interleaved_write_frame(output_, packet_.get());
    if (error < 0) return error;
  }
}

}  // namespace vepe::video
