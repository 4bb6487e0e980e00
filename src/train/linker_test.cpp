#include "train/linker.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace vepe::train {
namespace {

const std::vector<double> kSigmas(4, 0.08);

// A pose of four keypoints, 40 pixels high, at x; its embedding points to `direction` of two.
LinkFrame frame(const std::vector<std::pair<double, int>>& people) {
  LinkFrame result;
  std::vector<torch::Tensor> poses{torch::empty({0, 4, 2})}, rows{torch::empty({0, 2})};
  for (const auto& [x, direction] : people) {
    const torch::Tensor offsets = torch::tensor({0.f, 0.f, 10.f, 15.f, 0.f, 30.f, 10.f, 40.f}).view({4, 2});
    poses.push_back((offsets + torch::tensor({static_cast<float>(x), 0.f})).unsqueeze(0));
    rows.push_back(torch::eye(2)[direction].unsqueeze(0));
  }
  result.keypoints = torch::cat(poses), result.embedding = torch::cat(rows);
  return result;
}

using Ids = std::vector<std::vector<std::int64_t>>;

TEST(Linker, PosesLinkByPlaceAndEmbeddingsByLooks) {
  // Two people who change places between two frames.
  const std::vector<LinkFrame> frames = {frame({{0, 0}, {100, 1}}), frame({{1, 1}, {99, 0}})};
  EXPECT_EQ(link_people(frames, LinkBy::kOks, kSigmas), (Ids{{1, 2}, {1, 2}}));
  EXPECT_EQ(link_people(frames, LinkBy::kEmbedding, kSigmas), (Ids{{1, 2}, {2, 1}}));
}

TEST(Linker, TracksOutliveFiveFramesAndNewPeopleGetNewIds) {
  std::vector<LinkFrame> frames = {frame({{0, 0}})};
  for (int i = 0; i < 5; ++i) frames.push_back(frame({}));
  frames.push_back(frame({{0, 0}, {100, 1}}));
  EXPECT_EQ(link_people(frames, LinkBy::kOks, kSigmas).back(), (std::vector<std::int64_t>{1, 2}));
  frames.insert(frames.begin() + 1, frame({}));
  EXPECT_EQ(link_people(frames, LinkBy::kOks, kSigmas).back(), (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(link_people(frames, LinkBy::kEmbedding, kSigmas).back(), (std::vector<std::int64_t>{2, 3}));
}

TEST(Linker, NobodyIsLinkedToSomebodyFarAway) {
  EXPECT_EQ(link_people({frame({{0, 0}}), frame({{100, 0}})}, LinkBy::kOks, kSigmas), (Ids{{1}, {2}}));
  EXPECT_EQ(link_people({frame({{0, 0}}), frame({{0, 1}})}, LinkBy::kEmbedding, kSigmas), (Ids{{1}, {2}}));
  EXPECT_EQ(link_people({}, LinkBy::kOks, kSigmas), Ids{});
}

TEST(PoseSimilarity, IsTheOksOverTheFirstPosesArea) {
  const torch::Tensor similarity = pose_similarity(frame({{0, 0}, {300, 0}}).keypoints, frame({{0, 0}, {3, 0}}).keypoints, kSigmas);
  EXPECT_NEAR(similarity[0][0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(similarity[0][1].item<double>(), std::exp(-9 / (2 * 0.52 * 10 * 40 * 4 * 0.08 * 0.08)), 1e-5);
  EXPECT_LT(similarity[1][0].item<double>(), 1e-6);
}

}  // namespace
}  // namespace vepe::train
