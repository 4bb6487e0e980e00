#include "data/config.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace vepe::data {
namespace {

template <typename Call>
std::string error_of(Call read, const std::string& text) {
  const toml::table table = parse_toml_text(text, "recipe.toml");
  try {
    read(TableReader(table, "recipe.toml: data"));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(DataConfig, ReadsWhatIsWritten) {
  const toml::table table =
      parse_toml_text("annotations = \"a.json\"\nimages = \"pictures\"\nweight = 0.5\nbystanders = \"unlabelled\"", "t");
  const DatasetConfig set = read_dataset_config(TableReader(table, "t"));
  EXPECT_EQ(set.annotations, "a.json");
  EXPECT_EQ(set.weight, 0.5);
  EXPECT_EQ(set.bystanders, "unlabelled");
  const toml::table more = parse_toml_text("policy = \"petr\"\nshort_low = 100\nshort_high = 200\nborder = [1, 2, 3]", "t");
  const AugmentConfig augment = read_augment_config(TableReader(more, "t"));
  EXPECT_EQ(augment.policy, "petr");
  EXPECT_EQ(augment.short_high, 200);
  EXPECT_EQ(augment.border, (std::vector<int>{1, 2, 3}));
  const toml::table loader = parse_toml_text("batch = 5\nseed = 9", "t");
  EXPECT_EQ(read_loader_config(TableReader(loader, "t")).seed, 9u);
}

TEST(DataConfig, MistakesAreNamed) {
  const auto contains = [](const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(contains(error_of(read_dataset_config, "annotations = \"a.json\""), "images"));
  EXPECT_TRUE(contains(error_of(read_dataset_config, "images = \"x\""), "annotations"));
  EXPECT_TRUE(contains(error_of(read_dataset_config, "kind = \"images\"\nimages = \"x\"\nannotations = \"a\""), "not used"));
  EXPECT_TRUE(contains(error_of(read_dataset_config, "kind = \"voc\"\nimages = \"x\""), "voc"));
  EXPECT_TRUE(contains(error_of(read_augment_config, "flipp = 0.5"), "flip"));
  EXPECT_TRUE(contains(error_of(read_augment_config, "flip = 1.5"), "1.5"));
  EXPECT_TRUE(contains(error_of(read_augment_config, "long_sides = []"), "empty"));
  EXPECT_TRUE(contains(error_of(read_augment_config, "scale_low = 2.0\nscale_high = 1.0"), "scale_low"));
  EXPECT_TRUE(contains(error_of(read_augment_config, "policy = \"petr\"\nmosaic = 0.5"), "mosaic"));
  EXPECT_TRUE(contains(error_of(read_augment_config, "border = [1, 2]"), "colour"));
  EXPECT_TRUE(contains(error_of(read_loader_config, "batch = \"8\""), "batch"));
  EXPECT_TRUE(contains(error_of(read_loader_config, "[clip]\nstride = 5\nmax_stride = 3"), "max_stride"));
}

}  // namespace
}  // namespace vepe::data
