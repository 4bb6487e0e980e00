#include "formats/joints.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace vepe::formats {
namespace {

const JointSet* const kSets[] = {&coco17(), &posetrack15(), &posetrack18(), &posetrack21_kit(), &crowdpose14()};

TEST(Joints, SetsAreConsistent) {
  for (const JointSet* set : kSets) {
    SCOPED_TRACE(set->id);
    EXPECT_EQ(set->sigmas.size(), set->names.size());
    ASSERT_EQ(set->flip.size(), set->names.size());
    for (int i = 0; i < set->size(); ++i) {
      const int mirror = set->flip[static_cast<std::size_t>(i)];
      ASSERT_GE(mirror, 0);
      EXPECT_EQ(set->flip[static_cast<std::size_t>(mirror)], i);
      EXPECT_EQ(set->names[static_cast<std::size_t>(i)].starts_with("left_"),
                set->names[static_cast<std::size_t>(mirror)].starts_with("right_"));
      EXPECT_EQ(set->sigmas[static_cast<std::size_t>(i)], set->sigmas[static_cast<std::size_t>(mirror)]);
    }
    for (const auto& [a, b] : set->limbs) {
      EXPECT_GE(a, 0);
      EXPECT_GE(b, 0);
      EXPECT_LT(std::max(a, b), set->size());
    }
    EXPECT_EQ(find_joint_set(set->id), set);
    EXPECT_EQ(find_joint_set(set->names), set);
  }
}

TEST(Joints, OrdersAreTheOnesOfTheKits) {
  const std::vector<double> coco_sigmas = {.026, .025, .025, .035, .035, .079, .079, .072, .072,
                                           .062, .062, .107, .107, .087, .087, .089, .089};
  EXPECT_EQ(coco17().sigmas, coco_sigmas);
  EXPECT_EQ(posetrack15().index("right_ankle"), 0);
  EXPECT_EQ(posetrack15().index("left_wrist"), 11);
  EXPECT_EQ(posetrack15().index("neck"), 12);
  EXPECT_EQ(posetrack15().index("nose"), 13);
  EXPECT_EQ(posetrack15().index("head_top"), 14);
  EXPECT_EQ(posetrack18().index("left_ear"), 3);
  EXPECT_EQ(posetrack18().index("right_ankle"), 16);
  EXPECT_EQ(posetrack21_kit().size(), 15);
  EXPECT_EQ(posetrack21_kit().index("left_shoulder"), 3);
  EXPECT_EQ(crowdpose14().index("head_top"), 12);
  EXPECT_EQ(crowdpose14().index("left_eye"), -1);
}

TEST(Joints, MapsFindJointsByNameAndAlias) {
  const std::vector<int> map = joint_map(posetrack18().names, crowdpose14().names);
  EXPECT_EQ(map.front(), 5);
  EXPECT_EQ(map[12], 2);
  EXPECT_EQ(map[13], 1);
  EXPECT_EQ(joint_map(posetrack15().names, coco17().names)[1], -1);
}

std::vector<Keypoint> standing_person() {
  std::vector<Keypoint> pose(17);
  const auto put = [&](int k, double x, double y, double score) {
    pose[static_cast<std::size_t>(k)] = {.x = x, .y = y, .score = score, .visibility = 2, .present = true};
  };
  put(0, 100, 60, 0.9);
  put(5, 120, 100, 0.8);
  put(6, 80, 100, 0.7);
  put(11, 115, 200, 0.9);
  put(12, 85, 200, 0.9);
  return pose;
}

TEST(Joints, HeadRuleOfACocoPose) {
  std::vector<Keypoint> pose = standing_person();
  HeadJoints head = head_joints_from_coco(pose);
  EXPECT_DOUBLE_EQ(head.head_bottom.x, 100);
  EXPECT_DOUBLE_EQ(head.head_bottom.y, 100 - kNeckFraction * 40);
  EXPECT_DOUBLE_EQ(head.head_top.y, 60 - kHeadTopFraction * 40);
  EXPECT_DOUBLE_EQ(head.head_top.score, 0.7);

  std::vector<Keypoint> leaning = standing_person();  // hips to the right by as much as they are below: u = (-1, -1) / sqrt 2
  leaning[11].x = 215;
  leaning[12].x = 185;
  const Keypoint top = head_joints_from_coco(leaning).head_top;
  EXPECT_NEAR(top.x, 100 - kHeadTopFraction * 40 * std::sqrt(0.5), 1e-9);
  EXPECT_NEAR(top.y, 60 - kHeadTopFraction * 40 * std::sqrt(0.5), 1e-9);

  pose[11].present = false;  // no torso axis: on the line from the shoulders through the nose
  head = head_joints_from_coco(pose);
  EXPECT_DOUBLE_EQ(head.head_top.y, 60 - kHeadTopFractionNoHips * 40);

  pose[0].present = false;  // the ears stand in for the nose
  EXPECT_FALSE(head_joints_from_coco(pose).head_top.present);
  pose[3] = {.x = 110, .y = 62, .score = 0.5, .present = true};
  pose[4] = {.x = 90, .y = 58, .score = 0.6, .present = true};
  head = head_joints_from_coco(pose);
  EXPECT_DOUBLE_EQ(head.head_bottom.x, 100);
  EXPECT_DOUBLE_EQ(head.head_bottom.score, 0.5);

  pose[6].present = false;
  EXPECT_FALSE(head_joints_from_coco(pose).head_bottom.present);
}

TEST(Joints, CocoPosesAnswerPoseTracksJoints) {
  const std::vector<Keypoint> pose = standing_person();
  const std::vector<Keypoint> converted = convert_keypoints(pose, coco17(), posetrack15());
  ASSERT_EQ(converted.size(), 15u);
  EXPECT_TRUE(converted[12].present);
  EXPECT_TRUE(converted[14].present);
  EXPECT_DOUBLE_EQ(converted[9].x, 120);
  EXPECT_FALSE(converted[0].present);
  // The other way nothing is invented.
  EXPECT_FALSE(convert_keypoints(converted, posetrack15(), coco17())[1].present);
}

}  // namespace
}  // namespace vepe::formats
