#include "video/reader.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/interrupt.h"
#include "video/orientation.h"
#include "video/test_support.h"

namespace vepe::video {
namespace {

nlohmann::json expected() { return nlohmann::json::parse(std::ifstream(torture("expected.json"))); }

std::uint64_t hash_of(const std::vector<Frame>& frames) {
  std::uint64_t hash = 1469598103934665603u;
  for (const Frame& frame : frames) {
    for (const std::uint8_t byte : frame.image.pixels) hash = (hash ^ byte) * 1099511628211u;
    hash = (hash ^ static_cast<std::uint64_t>(std::llround(frame.pts_s * 1e6))) * 1099511628211u;
  }
  return hash;
}

// Every file of the list: number of frames, size of each, time stamps, or a clear error.
TEST(Reader, TortureFilesBehaveAsExpected) {
  int checked = 0;
  const nlohmann::json facts = expected();
  for (const auto& [name, fact] : facts.items()) {
    if (fact.contains("type")) continue;  // image sequences have their own test
    SCOPED_TRACE(name);
    ++checked;
    if (fact["frames_decoded"] == 0) {
      const std::string line = error_line(ErrorCode::kInput, [&name = name] { read_all(torture(name)); });
      EXPECT_NE(line.find(name), std::string::npos);
      continue;
    }
    const std::vector<Frame> frames = read_all(torture(name));
    const bool cut_off = name == "truncated_60pct_moov_first.mp4";  // decoders disagree on how much of the end is worth showing
    if (cut_off) {
      EXPECT_GE(frames.size(), 2u);
      EXPECT_LE(frames.size(), 4u);
    } else {
      EXPECT_EQ(frames.size(), fact["frames_decoded"].get<std::size_t>());
    }
    for (std::size_t i = 0; i < frames.size(); ++i) {
      EXPECT_EQ(frames[i].index, static_cast<std::int64_t>(i));
      EXPECT_EQ(frames[i].image.width, fact["opencv_frame_size"][0]);
      EXPECT_EQ(frames[i].image.height, fact["opencv_frame_size"][1]);
      // Where a frame is lost inside the damaged group, the next keeps its own time.
      if (cut_off && i == 3) continue;
      const double time = fact.contains("pts_seconds") ? fact["pts_seconds"][i].get<double>() : 0.1 * static_cast<double>(i);
      EXPECT_NEAR(frames[i].pts_s, time, 1e-9) << "frame " << i;
    }
  }
  EXPECT_EQ(checked, 41);
}

TEST(Reader, WhatIsWrongIsSaid) {
  EXPECT_NE(error_line(ErrorCode::kInput, [] { read_all(torture("audio_only.m4a")); }).find("only audio"), std::string::npos);
  EXPECT_NE(error_line(ErrorCode::kInput, [] { read_all(torture("zero_bytes.mp4")); }).find("empty"), std::string::npos);
  EXPECT_NE(error_line(ErrorCode::kInput, [] { read_all(torture("zero_frames.mp4")); }).find("no video stream"), std::string::npos);
  EXPECT_NE(error_line(ErrorCode::kInput, [] { read_all(torture("truncated_half_no_moov.mp4")); }).find("cut off"),
            std::string::npos);
  EXPECT_NE(error_line(ErrorCode::kInput, [] { read_all(torture("nowhere.mp4")); }).find("no such file"), std::string::npos);
  EXPECT_NE(error_line(ErrorCode::kInput, [] { read_all(torture("")); }).find("folder"), std::string::npos);
  error_line(ErrorCode::kDevice, [] { VideoReader reader("/dev/video987"); });
  error_line(ErrorCode::kInput, [] { VideoReader reader("rtsp://127.0.0.1:1/none"); });
  TemporaryFolder folder;
  std::ofstream(folder / "notes.txt") << "Plain text, which some decoders take for terminal art.\n";
  error_line(ErrorCode::kInput, [&] { read_all(folder / "notes.txt"); });
}

// All of these hold the same 30 pictures: what each decodes to has to look like the base clip, frame by frame.
TEST(Reader, EveryCodecShowsTheSamePictures) {
  const std::vector<Frame> base = read_all(torture("base_384x288_30f.mp4"));
  ASSERT_EQ(base.size(), 30u);
  for (const char* name :
       {"hevc.mp4", "hevc_10bit.mp4", "h264_10bit.mp4", "h264_yuv444.mp4", "vp8.webm", "vp9.webm", "mpeg4.avi", "mpeg2.ts",
        "fragmented.mp4", "h264_bframes.mkv", "with_audio_aac.mp4", "audio_first_stream.mp4", "sar_2_1.mp4"}) {
    const std::vector<Frame> frames = read_all(torture(name));
    ASSERT_EQ(frames.size(), base.size()) << name;
    for (std::size_t i = 0; i < base.size(); ++i) EXPECT_GT(psnr(frames[i].image, base[i].image), 26) << name << " frame " << i;
  }
  // The measure tells neighbours apart, so an order that is off by one would be seen.
  EXPECT_GT(psnr(read_all(torture("h264_bframes.mkv"))[15].image, base[15].image),
            psnr(read_all(torture("h264_bframes.mkv"))[15].image, base[16].image) + 1);
}

TEST(Reader, GreyIsGrey) {
  for (const Frame& frame : read_all(torture("grey.mp4"))) {
    for (std::size_t i = 0; i < frame.image.pixels.size(); i += 3) {
      ASSERT_NEAR(frame.image.pixels[i], frame.image.pixels[i + 1], 2);
      ASSERT_NEAR(frame.image.pixels[i], frame.image.pixels[i + 2], 2);
    }
  }
}

// The coded pictures of the rotated clips are those of the base clip, so turning gives equality to the last bit.
TEST(Reader, RotatedClipIsTheBaseClipTurned) {
  const std::vector<Frame> base = read_all(torture("base_384x288_30f.mp4"));
  for (const auto& [name, turn] : {std::pair{"rot90_meta.mp4", Orientation::kCounterclockwise},
                                   {"rot180_meta.mp4", Orientation::kTurned180},
                                   {"rot270_meta.mp4", Orientation::kClockwise}}) {
    const std::vector<Frame> frames = read_all(torture(name));
    ASSERT_EQ(frames.size(), base.size());
    for (std::size_t i = 0; i < base.size(); ++i) {
      const Image turned = make_upright(base[i].image, turn);
      EXPECT_EQ(frames[i].image.width, turned.width);
      EXPECT_TRUE(frames[i].image.pixels == turned.pixels) << name << " frame " << i;
    }
  }
}

TEST(Reader, ThreadsDoNotChangePixelsOrTimes) {
  for (const char* name : {"base_384x288_30f.mp4", "h264_bframes.mkv", "hevc.mp4", "vp9.webm", "mpeg2.ts"}) {
    const std::uint64_t one = hash_of(read_all(torture(name), {.threads = 1}));
    EXPECT_EQ(one, hash_of(read_all(torture(name), {.threads = 4}))) << name;
    EXPECT_EQ(one, hash_of(read_all(torture(name), {.threads = 0}))) << name;
  }
}

// The range has to pick what counting from the start picks; mjpeg.avi has key frames and an index, so there it seeks.
TEST(Reader, RangeSelectsByNumber) {
  for (const char* name : {"mjpeg.avi", "base_384x288_30f.mp4", "h264_bframes.mkv", "vfr_gaps.mp4"}) {
    const std::vector<Frame> all = read_all(torture(name));
    for (const char* text : {"0:5", "20:", "19:29:3", "::7", "29", "17:18"}) {
      const FrameRange range = parse_frame_range(text);
      std::vector<Frame> wanted;
      for (const Frame& frame : all) {
        if (range.contains(frame.index)) wanted.push_back(frame);
      }
      const std::vector<Frame> got = read_all(torture(name), {.range = range});
      ASSERT_EQ(got.size(), wanted.size()) << name << " " << text;
      for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].index, wanted[i].index) << name << " " << text;
        EXPECT_NEAR(got[i].pts_s, wanted[i].pts_s, 1e-12) << name << " " << text;
        EXPECT_TRUE(got[i].image.pixels == wanted[i].image.pixels) << name << " " << text;
      }
    }
  }
  VideoReader reader(torture("mjpeg.avi").string(), {.range = parse_frame_range("25:")});
  Frame frame;
  while (reader.read(frame)) {
  }
  EXPECT_LT(reader.report().frames_decoded, 30) << "it should have started behind the first frame";
}

TEST(Reader, RangeBehindTheEndIsAWarning) {
  VideoReader reader(torture("tiny_64x48.mp4").string(), {.range = parse_frame_range("100:")});
  Frame frame;
  EXPECT_FALSE(reader.read(frame));
  EXPECT_NE(reader.report().warning.find("30 frames"), std::string::npos);
}

TEST(Reader, DamageIsAWarning) {
  const auto report_of = [](const char* name) {
    VideoReader reader(torture(name).string());
    for (Frame frame; reader.read(frame);) {
    }
    return reader.report();
  };
  EXPECT_TRUE(report_of("truncated_70pct.avi").truncated);
  EXPECT_NE(report_of("truncated_70pct.avi").warning.find("after 21 frames of 30"), std::string::npos);
  EXPECT_TRUE(report_of("truncated_60pct_moov_first.mp4").truncated);
  EXPECT_GE(report_of("bitflips_mid.mp4").errors, 1);
  for (const char* sound :
       {"base_384x288_30f.mp4", "mpeg2.ts", "vp9.webm", "mpeg4.avi", "fragmented.mp4", "with_audio_aac.mp4", "anim.gif"}) {
    EXPECT_EQ(report_of(sound).warning, "") << sound;
  }
}

TEST(Reader, InfoDescribesTheUprightVideo) {
  const auto info_of = [](const char* name) { return VideoReader(torture(name).string()).info(); };
  EXPECT_EQ(info_of("rot90_meta.mp4").width, 288);
  EXPECT_DOUBLE_EQ(info_of("sar_2_1.mp4").pixel_aspect, 2);
  EXPECT_DOUBLE_EQ(info_of("base_384x288_30f.mp4").pixel_aspect, 1);
  EXPECT_NEAR(info_of("vfr_gaps.mp4").fps, 20.0 / 3, 1e-3);
  EXPECT_EQ(info_of("base_384x288_30f.mp4").frame_count, 30);
  EXPECT_EQ(info_of("vp9.webm").frame_count, 30);
  EXPECT_NEAR(*info_of("vfr_gaps.mp4").duration_s, 4.5, 0.01);
  EXPECT_TRUE(info_of("audio_first_stream.mp4").has_audio);
  EXPECT_FALSE(info_of("base_384x288_30f.mp4").has_audio);
  EXPECT_EQ(info_of("hevc.mp4").codec, "hevc");
}

TEST(Reader, PictureSequencesKeepTheirSizes) {
  std::vector<std::filesystem::path> pictures;
  const nlohmann::json facts = expected();
  for (const auto& name : facts["imgseq_mixed_sizes/"]["files"])
    pictures.push_back(torture("imgseq_mixed_sizes") / name.get<std::string>());
  VideoReader reader(pictures, {.image_fps = 10});
  EXPECT_EQ(reader.info().frame_count, 3);
  std::vector<std::pair<int, int>> sizes;
  for (Frame frame; reader.read(frame);) {
    sizes.emplace_back(frame.image.width, frame.image.height);
    EXPECT_NEAR(frame.pts_s, 0.1 * static_cast<double>(frame.index), 1e-12);
  }
  EXPECT_EQ(sizes, (std::vector<std::pair<int, int>>{{256, 192}, {256, 192}, {200, 120}}));
}

TEST(Reader, BrokenPictureOfASequenceIsLeftOut) {
  const auto good = torture("imgseq_jpg/000001.jpg"), bad = torture("random_bytes.mp4");
  VideoReader reader({bad, good, bad, good});
  std::vector<std::int64_t> indices;
  for (Frame frame; reader.read(frame);) indices.push_back(frame.index);
  EXPECT_EQ(indices, (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(reader.report().errors, 2);
  EXPECT_NE(reader.report().warning.find("random_bytes"), std::string::npos);
  error_line(ErrorCode::kInput, [&] { VideoReader none({bad, bad}); });
}

TEST(Reader, NamesWithColonsAndPercentSignsAreFiles) {
  TemporaryFolder folder;
  const auto path = folder / "http:a %03d.mp4";
  std::filesystem::copy_file(torture("tiny_64x48.mp4"), path);
  EXPECT_EQ(read_all(path).size(), 30u);
}

TEST(Reader, StandardInputIsReadAsAStream) {
  const int keep = ::dup(0);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    const int file = ::open(torture("mpeg2.ts").c_str(), O_RDONLY);
    char buffer[4096];
    for (ssize_t count; (count = ::read(file, buffer, sizeof buffer)) > 0;) {
      if (::write(ends[1], buffer, static_cast<std::size_t>(count)) < 0) break;
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  ::dup2(ends[0], 0);
  ::close(ends[0]);
  VideoReader reader("-");
  EXPECT_TRUE(reader.info().live);
  EXPECT_FALSE(reader.info().frame_count.has_value());
  int count = 0;
  for (Frame frame; reader.read(frame);) ++count;
  EXPECT_EQ(count, 30);
  ::dup2(keep, 0);
  ::close(keep);
  ::waitpid(child, nullptr, 0);
}

TEST(Reader, InterruptEndsReading) {
  VideoReader reader(torture("base_384x288_30f.mp4").string());
  Frame frame;
  EXPECT_TRUE(reader.read(frame));
  request_interrupt();
  EXPECT_FALSE(reader.read(frame));
  clear_interrupt();
}

TEST(FrameRange, ParsesAndRefuses) {
  EXPECT_EQ(parse_frame_range("7").end, 8);
  EXPECT_TRUE(parse_frame_range(":").is_all());
  const FrameRange range = parse_frame_range("10:20:4");
  EXPECT_TRUE(range.contains(18));
  EXPECT_FALSE(range.contains(20));
  EXPECT_FALSE(range.contains(12));
  EXPECT_TRUE(range.is_past(20));
  for (const char* text : {"", "a", "1:2:3:4", "-1:", "5:5", "1:9:0", "1.5", "1 :2", "99999999999999999999"}) {
    error_line(ErrorCode::kUsage, [text] { parse_frame_range(text); });
  }
}

}  // namespace
}  // namespace vepe::video
