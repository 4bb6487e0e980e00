#include "video/source.h"

#include <fstream>

#include "video/test_support.h"

namespace vepe::video {
namespace {

namespace fs = std::filesystem;

void touch_video(const fs::path& path) { fs::copy_file(torture("tiny_64x48.mp4"), path); }
void touch_picture(const fs::path& path) { fs::copy_file(torture("imgseq_jpg/000001.jpg"), path); }

TEST(Source, FolderOfPicturesIsOneSequenceInNumberOrder) {
  TemporaryFolder folder;
  for (const char* name : {"f10.jpg", "f9.jpg", "f1.jpg", "f010b.jpg"}) touch_picture(folder / name);
  std::ofstream(folder / "annotations.json") << "{}";
  const Expansion found = expand_sources({folder.path().string()});
  ASSERT_EQ(found.sources.size(), 1u);
  EXPECT_TRUE(found.errors.empty());
  EXPECT_EQ(found.sources[0].kind, SourceKind::kSequence);
  std::vector<std::string> names;
  for (const fs::path& picture : found.sources[0].pictures) names.push_back(picture.filename());
  EXPECT_EQ(names, (std::vector<std::string>{"f1.jpg", "f9.jpg", "f10.jpg", "f010b.jpg"}));
  EXPECT_EQ(expand_sources({folder.path().string()}, true).sources.size(), 4u);
}

TEST(Source, FolderOfVideosIsOneSourceEach) {
  TemporaryFolder folder;
  touch_video(folder / "b.mp4");
  touch_video(folder / "a.MOV");
  const Expansion found = expand_sources({folder.path().string() + "/"});
  ASSERT_EQ(found.sources.size(), 2u);
  EXPECT_EQ(found.sources[0].stem, "a");
  EXPECT_EQ(found.sources[1].kind, SourceKind::kVideo);
}

TEST(Source, PictureOrVideoByContent) {
  TemporaryFolder folder;
  touch_picture(folder / "no_extension");
  touch_video(folder / "clip.dat");
  const Expansion found = expand_sources({folder / "no_extension", folder / "clip.dat"});
  ASSERT_EQ(found.sources.size(), 2u);
  EXPECT_EQ(found.sources[0].kind, SourceKind::kPicture);
  EXPECT_EQ(found.sources[1].kind, SourceKind::kVideo);
  std::ofstream(folder / "short") << "RIFF";
  EXPECT_FALSE(is_picture_file(folder / "short"));
}

TEST(Source, GlobPatternAndList) {
  TemporaryFolder folder;
  for (const char* name : {"a_2.jpg", "a_11.jpg", "b_1.jpg"}) touch_picture(folder / name);
  touch_video(folder / "v.mp4");
  EXPECT_EQ(expand_sources({folder / "a_*.jpg"}).sources.at(0).pictures.size(), 2u);
  const Expansion pattern = expand_sources({folder / "a_%06d.jpg"});
  ASSERT_EQ(pattern.sources.size(), 1u);
  EXPECT_EQ(pattern.sources[0].pictures.at(1).filename(), "a_11.jpg");
  std::ofstream(folder / "list.txt") << "# clips\n\nv.mp4\nmissing.mp4\r\nb_1.jpg\nrtsp://camera/1\n";
  const Expansion list = expand_sources({"@" + (folder / "list.txt").string()});
  ASSERT_EQ(list.sources.size(), 3u);
  EXPECT_EQ(list.sources[2].name, "rtsp://camera/1");
  ASSERT_EQ(list.errors.size(), 1u);
  EXPECT_NE(std::string(list.errors[0].what()).find("missing.mp4"), std::string::npos);
}

TEST(Source, StreamsAndCamerasAreNotTouched) {
  const Expansion found = expand_sources({"-", "/dev/video3", "rtsp://host/path/cam"});
  ASSERT_EQ(found.sources.size(), 3u);
  EXPECT_EQ(found.sources[0].stem, "stdin");
  EXPECT_EQ(found.sources[1].stem, "video3");
  EXPECT_EQ(found.sources[2].stem, "cam");
}

TEST(Source, EachBadItemGivesOneLineAndTheOthersRun) {
  TemporaryFolder folder;
  touch_video(folder / "good.mp4");
  fs::create_directory(folder / "empty");
  std::ofstream(folder / "empty.txt") << "# nothing\n";
  std::ofstream(folder / "loop.txt") << "@loop.txt\n";
  const Expansion found = expand_sources({folder / "empty", folder / "nowhere.mp4", folder / "*.nothing",
                                          "@" + (folder / "empty.txt").string(), "@" + (folder / "none.txt").string(),
                                          "@" + (folder / "loop.txt").string(), "", folder / "x%d/y.png", folder / "good.mp4"});
  EXPECT_EQ(found.sources.size(), 1u);
  ASSERT_EQ(found.errors.size(), 8u);
  for (const Error& error : found.errors) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_FALSE(error.remedy().empty()) << error.what();
  }
}

TEST(Source, OutputNamesAreUniqueAndSafe) {
  TemporaryFolder folder;
  fs::create_directory(folder / "a");
  fs::create_directory(folder / "b");
  touch_video(folder / "a/clip.mp4");
  touch_video(folder / "b/clip.mp4");
  touch_video(folder / "b/clip-2.mp4");
  touch_video(folder / "b/we:ird*.mp4");
  const Expansion found =
      expand_sources({folder / "a/clip.mp4", folder / "b/clip.mp4", folder / "b/clip-2.mp4", folder / "b/we:ird*.mp4"});
  ASSERT_EQ(found.sources.size(), 4u);
  EXPECT_EQ(found.sources[0].stem, "clip");
  EXPECT_EQ(found.sources[1].stem, "clip-2");
  EXPECT_EQ(found.sources[2].stem, "clip-2-2");
  EXPECT_EQ(found.sources[3].stem, "we_ird_");
}

}  // namespace
}  // namespace vepe::video
