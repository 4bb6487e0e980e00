// The published lists of pictures (models/splits): what docs/data.md promises about them.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "data/dataset.h"

namespace vepe::data {
namespace {

std::set<std::string> list(const std::string& name) {
  const std::vector<std::string> ids = read_id_list(std::string(VEPE_SOURCE_DIR) + "/models/splits/" + name + ".txt");
  const std::set<std::string> unique(ids.begin(), ids.end());
  EXPECT_EQ(unique.size(), ids.size()) << name << " names a picture twice";
  return unique;
}

TEST(Splits, HaveTheirSizesAndNoPictureInCommon) {
  const std::map<std::string, std::size_t> sizes = {
      {"coco_train", 2049}, {"coco_val", 420}, {"single", 650}, {"nobody", 250}, {"unlabelled", 230}};
  std::map<std::string, std::string> owner;
  for (const auto& [name, size] : sizes) {
    const std::set<std::string> ids = list(name);
    EXPECT_EQ(ids.size(), size) << name;
    for (const std::string& id : ids) {
      const auto [known, added] = owner.emplace(id, name);
      EXPECT_TRUE(added) << id << " is in " << name << " and " << known->second;
    }
  }
}

TEST(Splits, HoldOutIsAPartOfTheTrainingSet) {
  const std::set<std::string> train = list("coco_train"), holdout = list("coco_train_holdout"),
                              train2017 = list("coco_train_train2017");
  EXPECT_EQ(holdout.size(), 200u);
  EXPECT_EQ(train2017.size(), 165u);
  for (const std::string& id : holdout) EXPECT_TRUE(train.contains(id)) << id;
  for (const std::string& id : train2017) EXPECT_TRUE(train.contains(id)) << id;
}

}  // namespace
}  // namespace vepe::data
