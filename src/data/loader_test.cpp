#include "data/loader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include <ATen/ops/sum.h>

#include "core/error.h"
#include "data/test_pictures.h"

namespace vepe::data {
namespace {

using namespace testing;

class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() {
    config_.annotations = write_set(folder_, 13);
    config_.images = folder_ / "set_images";
    augment_.long_sides = {64, 96};
    augment_.blur = augment_.noise = augment_.occluders = augment_.mosaic = 0.3;
    options_.batch = 3, options_.seed = 11, options_.queue = 3;
  }

  Loader make(int workers, Loader::Mode mode = Loader::Mode::kTrain) {
    LoaderConfig options = options_;
    options.workers = workers;
    return Loader(open_datasets({config_}), augment_, options, mode);
  }

  static void expect_equal(const Batch& a, const Batch& b) {
    EXPECT_EQ(a.step, b.step);
    ASSERT_EQ(a.images.sizes(), b.images.sizes());
    EXPECT_TRUE(a.images.equal(b.images));
    ASSERT_EQ(a.samples.size(), b.samples.size());
    for (std::size_t i = 0; i < a.samples.size(); ++i) {
      ASSERT_EQ(a.samples[i].image_id, b.samples[i].image_id);
      ASSERT_EQ(a.samples[i].people.size(), b.samples[i].people.size());
      for (std::size_t p = 0; p < a.samples[i].people.size(); ++p) {
        EXPECT_EQ(a.samples[i].people[p].keypoints[0].x, b.samples[i].people[p].keypoints[0].x);
      }
    }
  }

  TempFolder folder_;
  DatasetConfig config_;
  AugmentConfig augment_;
  LoaderConfig options_;
};

TEST_F(LoaderTest, BatchesDoNotDependOnTheNumberOfWorkers) {
  Loader none = make(0);
  std::vector<Batch> expected;
  for (int i = 0; i < 10; ++i) expected.push_back(*none.next());
  for (const int workers : {1, 2, 4}) {
    SCOPED_TRACE(workers);
    Loader loader = make(workers);
    for (const Batch& batch : expected) expect_equal(*loader.next(), batch);
  }
}

TEST_F(LoaderTest, SkippingContinuesExactly) {
  Loader straight = make(2);
  std::vector<Batch> expected;
  for (int i = 0; i < 9; ++i) expected.push_back(*straight.next());
  EXPECT_EQ(straight.step(), 9);
  Loader resumed = make(2);
  for (int i = 0; i < 2; ++i) resumed.next();
  resumed.skip_to(6);
  for (std::size_t i = 6; i < 9; ++i) expect_equal(*resumed.next(), expected[i]);
  resumed.skip_to(1);  // backwards
  expect_equal(*resumed.next(), expected[1]);
}

TEST_F(LoaderTest, PicturesLieInTheCornerOfAPaddedCanvas) {
  Loader loader = make(1);
  for (int step = 0; step < 8; ++step) {
    const Batch batch = *loader.next();
    ASSERT_EQ(batch.images.sizes().slice(0, 2), (std::vector<std::int64_t>{3, 3}));
    EXPECT_EQ(batch.images.size(2) % 32, 0);
    EXPECT_EQ(batch.images.size(3) % 32, 0);
    int longest = 0;
    for (std::size_t b = 0; b < 3; ++b) {
      const video::Image& image = batch.samples[b].image;
      EXPECT_TRUE(image.pixels.empty());
      const int long_side = std::max(image.width, image.height);
      EXPECT_TRUE(b == 0 || long_side == longest);  // one size for the whole batch
      longest = long_side;
      const at::Tensor plane = batch.images[static_cast<std::int64_t>(b)];
      EXPECT_EQ(plane.slice(1, image.height).sum().item<double>(), 0);
      EXPECT_EQ(plane.slice(2, image.width).sum().item<double>(), 0);
      EXPECT_GT(plane.sum().item<double>(), 0);
    }
    EXPECT_TRUE(longest == 64 || longest == 96);
  }
}

TEST_F(LoaderTest, CollateKeepsEveryPixel) {
  Sample a, b;
  a.image = noise_picture(33, 20, 1), b.image = noise_picture(10, 40, 2);
  const Batch batch = collate({a, b}, 32);
  ASSERT_EQ(batch.images.sizes(), (std::vector<std::int64_t>{2, 3, 64, 64}));
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 10; ++x) {
      for (int c = 0; c < 3; ++c) ASSERT_EQ(batch.images[1][c][y][x].item<int>(), b.image.row(y)[3 * x + c]);
    }
  }
}

TEST_F(LoaderTest, AnEpochHasEveryPictureOnceUpToTheLastBatch) {
  for (const std::int64_t epoch : {0, 1, 7}) {
    std::map<std::size_t, int> count;
    int pure = 0, batches = 0;
    const std::vector<WeightedDataset> sets = open_datasets({config_});
    for (const PlanBatch& batch : training_plan(sets, 3, 5, epoch)) {
      ASSERT_EQ(batch.size(), 3u);
      int portraits = 0;
      for (const PlanItem& item : batch) {
        ++count[item.index];
        portraits += sets[0].dataset->labels(item.index).image.height > 60;
      }
      pure += portraits == 0 || portraits == 3;
      ++batches;
    }
    EXPECT_EQ(batches, 4);
    EXPECT_GE(pure, 3);
    EXPECT_EQ(count.size(), 12u);
    for (const auto& [index, times] : count) EXPECT_EQ(times, 1) << index;
  }
}

TEST_F(LoaderTest, WeightsSpreadEvenlyOverEpochs) {
  std::vector<WeightedDataset> sets = open_datasets({config_});
  sets[0].weight = 0.5;  // 7 of 13 pictures
  EXPECT_EQ(epoch_share(sets[0]), 7);
  std::map<std::size_t, int> count;
  for (std::int64_t epoch = 0; epoch < 13; ++epoch) {
    for (const PlanBatch& batch : training_plan(sets, 1, 5, epoch)) ++count[batch[0].index];
  }
  ASSERT_EQ(count.size(), 13u);
  for (const auto& [index, times] : count) EXPECT_EQ(times, 7) << index;
  EXPECT_NE(training_plan(sets, 7, 5, 0)[0][0].index, training_plan(sets, 7, 5, 2)[0][0].index);
}

TEST_F(LoaderTest, ProcessesShareAnEpochWithoutOverlap) {
  augment_.mosaic = 0;
  options_.batch = 2;
  Loader whole = make(1);
  options_.world = 2;
  Loader first = make(1);
  options_.rank = 1;
  Loader second = make(2);
  EXPECT_EQ(first.batches_per_epoch(), whole.batches_per_epoch() / 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(first.next()->images.equal(whole.next()->images));
    EXPECT_TRUE(second.next()->images.equal(whole.next()->images));
  }
}

TEST_F(LoaderTest, ValidationIsOnePassWithoutChanges) {
  options_.batch = 4;
  Loader loader = make(2, Loader::Mode::kValidate);
  EXPECT_EQ(loader.batches_per_epoch(), 4);
  std::set<std::int64_t> ids;
  for (int pass = 0; pass < 2; ++pass) {
    ids.clear();
    int batches = 0;
    while (std::optional<Batch> batch = loader.next()) {
      ++batches;
      for (const Sample& sample : batch->samples) {
        ids.insert(sample.image_id);
        EXPECT_EQ(std::max(sample.image.width, sample.image.height), 64);
        const double factor = static_cast<double>(sample.image.width) / sample.source_width;
        EXPECT_NEAR(sample.people.at(0).keypoints[1].x, 30.5 * factor, 1e-3);
      }
    }
    EXPECT_EQ(batches, 4);
    EXPECT_EQ(ids.size(), 13u);
    loader.skip_to(0);
  }
}

TEST_F(LoaderTest, AnUnreadablePictureIsReportedAtItsStep) {
  config_.include_ids = folder_.write("one.txt", "103\n104\n105\n");
  std::filesystem::resize_file(folder_ / "set_images/000000000104.png", 200);
  for (const int workers : {0, 2}) {
    Loader loader = make(workers);
    for (int call = 0; call < 2; ++call) {
      try {
        loader.next();
        FAIL() << "no error";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kInput);
        EXPECT_NE(error.where().find("000000000104.png"), std::string::npos) << error.what();
      }
    }
  }
}

TEST_F(LoaderTest, RefusesWhatCannotFillABatch) {
  options_.batch = 14;
  EXPECT_THROW(make(1), Error);
  options_.batch = 0;
  EXPECT_THROW(make(1), Error);
  TempFolder other;
  const std::string path = write_set(other, 2);
  std::string text;
  {
    std::ifstream in(path);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  text.replace(text.find("left_hand"), 9, "left_feet");
  DatasetConfig strange;
  strange.annotations = other.write("strange.json", text), strange.images = other / "set_images";
  EXPECT_THROW(open_datasets({config_, strange}), Error);
}

TEST_F(LoaderTest, StopsWhileWorkIsUnderWay) {
  options_.queue = 8;
  for (int i = 0; i < 5; ++i) {
    Loader loader = make(3);
    loader.next();
  }
}

}  // namespace
}  // namespace vepe::data
