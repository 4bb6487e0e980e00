#include "video/writer.h"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "video/libav.h"
#include "video/test_support.h"

namespace vepe::video {
namespace {

// A smooth picture that changes with `phase`, so that compression keeps it and frames can be told apart.
Image gradient(int width, int height, int phase) {
  Image image{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.row(y)[3 * x] = static_cast<std::uint8_t>(255 * x / width);
      image.row(y)[3 * x + 1] = static_cast<std::uint8_t>(255 * y / height);
      image.row(y)[3 * x + 2] = static_cast<std::uint8_t>((10 * phase) % 256);
    }
  }
  return image;
}

struct PacketList {
  std::vector<std::vector<std::uint8_t>> data;
  std::vector<double> times_s;
};

PacketList audio_packets(const std::filesystem::path& path) {
  AVFormatContext* format = nullptr;
  PacketList list;
  if (avformat_open_input(&format, path.c_str(), nullptr, nullptr) < 0) return list;
  const AvInput input(format);
  avformat_find_stream_info(format, nullptr);
  const int audio = av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, -1, nullptr, 0);
  const AvPacket packet = make_packet();
  while (av_read_frame(format, packet.get()) >= 0) {
    if (packet->stream_index == audio) {
      list.data.emplace_back(packet->data, packet->data + packet->size);
      list.times_s.push_back(static_cast<double>(packet->pts) * av_q2d(format->streams[audio]->time_base));
    }
    av_packet_unref(packet.get());
  }
  return list;
}

// Writes what `source` holds and reads it again.
std::vector<Frame> round_trip(const std::filesystem::path& source, const std::filesystem::path& target,
                              WriterOptions options = {}) {
  VideoReader reader(source.string());
  options.fps = reader.info().fps;
  options.pixel_aspect = reader.info().pixel_aspect;
  VideoWriter writer(target, options);
  for (Frame frame; reader.read(frame);) writer.write(frame.image, frame.pts_s);
  writer.close(true);
  EXPECT_EQ(writer.warning(), "");
  return read_all(target);
}

TEST(Writer, RoundTripKeepsFramesTimesAndSize) {
  TemporaryFolder folder;
  for (const char* name : {"base_384x288_30f.mp4", "vfr_gaps.mp4", "vfr_jitter.mp4", "sar_2_1.mp4"}) {
    const std::vector<Frame> before = read_all(torture(name));
    const std::vector<Frame> after = round_trip(torture(name), folder / name);
    ASSERT_EQ(after.size(), before.size()) << name;
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_NEAR(after[i].pts_s, before[i].pts_s, 1e-5) << name << " frame " << i;
      EXPECT_GT(psnr(after[i].image, before[i].image), 30) << name << " frame " << i;
    }
    const VideoInfo info = VideoReader((folder / name).string()).info();
    EXPECT_DOUBLE_EQ(info.pixel_aspect, VideoReader(torture(name).string()).info().pixel_aspect) << name;
    EXPECT_NEAR(*info.duration_s, before.back().pts_s + 1 / VideoReader(torture(name).string()).info().fps, 0.02) << name;
    EXPECT_EQ(info.codec, "h264");
  }
}

TEST(Writer, ColoursComeBack) {
  TemporaryFolder folder;
  VideoWriter writer(folder / "colours.mp4", {.crf = 5});
  const std::uint8_t table[][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}, {0, 0, 0}, {128, 64, 200}};
  for (int i = 0; i < 6; ++i) {
    Image image{64, 48, {}};
    for (int p = 0; p < 64 * 48; ++p) image.pixels.insert(image.pixels.end(), table[i], table[i] + 3);
    writer.write(image, i / 25.0);
  }
  writer.close();
  const std::vector<Frame> frames = read_all(folder / "colours.mp4");
  ASSERT_EQ(frames.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(frames[i].image.row(24)[3 * 32 + c], table[i][c], 5) << "colour " << i << " channel " << c;
  }
}

TEST(Writer, AudioIsCopiedPacketByPacket) {
  TemporaryFolder folder;
  for (const char* name : {"with_audio_aac.mp4", "audio_first_stream.mp4"}) {
    round_trip(torture(name), folder / name, {.audio_source = torture(name).string()});
    const PacketList before = audio_packets(torture(name)), after = audio_packets(folder / name);
    ASSERT_GT(before.data.size(), 10u);
    EXPECT_EQ(after.data, before.data) << name;
    ASSERT_EQ(after.times_s.size(), before.times_s.size());
    for (std::size_t i = 0; i < after.times_s.size(); ++i) EXPECT_NEAR(after.times_s[i], before.times_s[i], 1e-3);
  }
}

// Frames 10..19 are the second from 1.0 to 2.0 s: they start at 0, and so does their sound.
TEST(Writer, PartOfAVideoTakesItsPartOfTheAudio) {
  TemporaryFolder folder;
  const std::string source = torture("with_audio_aac.mp4").string();
  VideoReader reader(source, {.range = parse_frame_range("10:20")});
  VideoWriter writer(folder / "part.mp4", {.fps = 10, .audio_source = source});
  for (Frame frame; reader.read(frame);) writer.write(frame.image, frame.pts_s);
  writer.close();
  const std::vector<Frame> frames = read_all(folder / "part.mp4");
  ASSERT_EQ(frames.size(), 10u);
  EXPECT_NEAR(frames[0].pts_s, 0, 1e-6);
  EXPECT_NEAR(frames[9].pts_s, 0.9, 1e-5);
  const PacketList whole = audio_packets(source), part = audio_packets(folder / "part.mp4");
  ASSERT_FALSE(part.data.empty());
  const auto first = std::find(whole.data.begin(), whole.data.end(), part.data[0]);
  ASSERT_NE(first, whole.data.end());
  EXPECT_NEAR(whole.times_s[static_cast<std::size_t>(first - whole.data.begin())], 1.0, 0.03);
  EXPECT_NEAR(part.times_s.back(), 1.0, 0.05);
}

TEST(Writer, AudioThatIsMissingOrDoesNotFitIsAWarning) {
  TemporaryFolder folder;
  for (const char* source : {"base_384x288_30f.mp4", "nowhere.mp4", "text_file.mp4"}) {
    VideoWriter writer(folder / "silent.mp4", {.audio_source = torture(source).string()});
    writer.write(gradient(64, 48, 0), 0);
    writer.close();
    EXPECT_FALSE(writer.warning().empty());
    EXPECT_EQ(read_all(folder / "silent.mp4").size(), 1u);
  }
}

TEST(Writer, OddSizesArePaddedByTheLastColumnAndRow) {
  TemporaryFolder folder;
  for (const auto& [width, height] : {std::pair{321, 243}, {64, 49}, {17, 33}, {1, 1}}) {
    VideoWriter writer(folder / "odd.mp4", {.crf = 10});
    const Image image = gradient(width, height, 3);
    for (int i = 0; i < 3; ++i) writer.write(image, i / 25.0);
    writer.close();
    const std::vector<Frame> frames = read_all(folder / "odd.mp4");
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[0].image.width, width + width % 2);
    EXPECT_EQ(frames[0].image.height, height + height % 2);
    const std::uint8_t* corner = frames[0].image.row(frames[0].image.height - 1) + 3 * (frames[0].image.width - 1);
    const std::uint8_t* last = image.row(height - 1) + 3 * (width - 1);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(corner[c], last[c], 16) << width << "x" << height;
  }
}

TEST(Writer, FrameOfAnotherSizeIsFittedWithBars) {
  TemporaryFolder folder;
  VideoWriter writer(folder / "mixed.mp4", {.crf = 5});
  writer.write(gradient(128, 96, 1), 0);
  Image tall{48, 96, std::vector<std::uint8_t>(48 * 96 * 3, 230)};
  writer.write(tall, 0.04);
  writer.close();
  const std::vector<Frame> frames = read_all(folder / "mixed.mp4");
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[1].image.width, 128);
  EXPECT_NEAR(frames[1].image.row(48)[3 * 64], 230, 6);
  EXPECT_NEAR(frames[1].image.row(48)[3 * 10], 0, 6);
  EXPECT_NEAR(frames[1].image.row(48)[3 * 118], 0, 6);
}

TEST(Writer, FileAppearsOnCloseOnly) {
  TemporaryFolder folder;
  {
    VideoWriter writer(folder / "a.mp4");
    writer.write(gradient(64, 48, 0), 0);
    EXPECT_FALSE(std::filesystem::exists(folder / "a.mp4"));
  }  // given up
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  std::ofstream(folder / "b.mp4") << "old";
  VideoWriter writer(folder / "b.mp4");
  writer.write(gradient(64, 48, 0), 0);
  writer.close();
  writer.close();  // nothing more to do
  EXPECT_EQ(read_all(folder / "b.mp4").size(), 1u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  VideoWriter(folder / "c.mp4").close();  // no frame, no file
  EXPECT_FALSE(std::filesystem::exists(folder / "c.mp4"));
}

// The order of the frames counts, whatever their times say.
TEST(Writer, TimesThatStandStillOrFallStillRise) {
  TemporaryFolder folder;
  VideoWriter writer(folder / "still.mp4", {.crf = 5});
  const double times[] = {1.0, 1.0, 0.7, 1.0, 1.2, 1.1};
  for (int i = 0; i < 6; ++i) writer.write(gradient(64, 48, 4 * i), times[i]);
  writer.close();
  const std::vector<Frame> frames = read_all(folder / "still.mp4");
  ASSERT_EQ(frames.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(frames[i].image.row(24)[3 * 32 + 2], 40 * static_cast<int>(i), 8) << "frame " << i;
    EXPECT_TRUE(i == 0 || frames[i].pts_s > frames[i - 1].pts_s) << "frame " << i;
  }
}

// A key frame every 8 frames and B frames: the seek of the reader has to land on the very same pictures.
TEST(Writer, ReaderSeeksExactlyInWhatItWrites) {
  TemporaryFolder folder;
  VideoWriter writer(folder / "gop.mp4", {.preset = "medium", .key_interval = 8});
  for (int i = 0; i < 80; ++i) writer.write(gradient(96, 64, i), i / 25.0);
  writer.close();
  const std::vector<Frame> all = read_all(folder / "gop.mp4");
  ASSERT_EQ(all.size(), 80u);
  for (std::int64_t first : {17, 40, 63, 79}) {
    VideoReader reader((folder / "gop.mp4").string(), {.range = {.first = first}});
    Frame frame;
    for (std::int64_t i = first; i < 80; ++i) {
      ASSERT_TRUE(reader.read(frame));
      EXPECT_EQ(frame.index, i);
      EXPECT_TRUE(frame.image.pixels == all[static_cast<std::size_t>(i)].image.pixels) << "frame " << i << " from " << first;
    }
    EXPECT_FALSE(reader.read(frame));
    if (first == 79) {
      EXPECT_LT(reader.report().frames_decoded, 40);
    }
  }
}

TEST(Writer, OutputThatCannotBeWrittenIsAnError) {
  TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  error_line(ErrorCode::kOutput, [&] { VideoWriter writer(folder / "file/out.mp4"); });
  error_line(ErrorCode::kOutput, [&] { VideoWriter writer(folder / "missing/out.mp4"); });
  error_line(ErrorCode::kUsage, [&] { VideoWriter writer(folder / "x.mp4", {.preset = "nosuch"}); });
  std::filesystem::create_directory(folder / "taken.mp4");
  error_line(ErrorCode::kOutput, [&] {
    VideoWriter writer(folder / "taken.mp4");
    writer.write(gradient(64, 48, 0), 0);
    writer.close();
  });
}

// A disk that fills up, played by the limit of the process on file sizes.
TEST(Writer, DiskThatFillsUpIsAnErrorAndLeavesNothing) {
  TemporaryFolder folder;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{20000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string line = error_line(ErrorCode::kOutput, [&] {
    VideoWriter writer(folder / "full.mp4", {.crf = 1});
    Image noise = gradient(160, 120, 0);
    std::uint32_t state = 1;
    for (int i = 0; i < 200; ++i) {
      for (std::uint8_t& value : noise.pixels) value = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
      writer.write(noise, i / 25.0);
    }
    writer.close();
  });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_NE(line.find("full.mp4"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace vepe::video
