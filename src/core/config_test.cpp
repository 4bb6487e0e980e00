#include "core/config.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/queue.h"
#include "core/random.h"

#include <thread>

namespace vepe {
namespace {

TEST(TableReader, ReadsTypesAndNamesTheNearestKeyForAMistake) {
  const toml::table table = parse_toml_text("steps = 3\nrate = 2\nname = \"x\"\nsizes = [1, 2]\nstpes = 4\n", "recipe.toml");
  TableReader reader(table, "recipe.toml");
  int steps = 0;
  double rate = 0;
  std::string name;
  std::vector<int> sizes;
  reader.read("steps", steps, 1, 10);
  reader.read("rate", rate, 0.0, 5.0);
  reader.read("name", name);
  reader.read("sizes", sizes, 0, 9);
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(rate, 2.0);  // a whole number is a number
  EXPECT_EQ(name, "x");
  EXPECT_EQ(sizes, (std::vector<int>{1, 2}));
  try {
    reader.finish();
    ADD_FAILURE() << "an unknown key passed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("stpes"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("write steps"), std::string::npos) << error.what();
  }
}

TEST(TableReader, RefusesOtherTypesAndValuesOutOfRange) {
  const toml::table table = parse_toml_text("a = \"3\"\nb = 11\nc = nan\nd = 1.5\ne = [1, \"x\"]\n", "t");
  TableReader reader(table, "t");
  int whole = 1;
  double number = 1;
  std::vector<int> list;
  EXPECT_THROW(reader.read("a", whole, 0, 10), Error);
  EXPECT_THROW(reader.read("b", whole, 0, 10), Error);
  EXPECT_THROW(reader.read("c", number, 0.0, 10.0), Error);
  EXPECT_THROW(reader.read("d", whole, 0, 10), Error);
  EXPECT_THROW(reader.read("e", list, 0, 10), Error);
  EXPECT_EQ(whole, 1);
}

TEST(Settings, ReplaceValuesAndMakeSections) {
  toml::table table = parse_toml_text("[a]\nb = 1\n", "t");
  apply_setting(table, "a.b=2");
  apply_setting(table, "c.d=word");
  apply_setting(table, "e=[1, 2]");
  EXPECT_EQ(table["a"]["b"].value<int>(), 2);
  EXPECT_EQ(table["c"]["d"].value<std::string>(), "word");
  EXPECT_EQ(table["e"].as_array()->size(), 2u);
  EXPECT_THROW(apply_setting(table, "nothing"), Error);
  EXPECT_THROW(apply_setting(table, "e.f=1"), Error);
  EXPECT_THROW(parse_toml_text("a = = 1", "t"), Error);
}

TEST(Error, IsOneLineWhateverTheUserNamedIt) {
  const Error error(ErrorCode::kInput, "a\nb", "is wrong", "mend it");
  EXPECT_STREQ(error.what(), "a b: is wrong. Remedy: mend it");
  EXPECT_STREQ(error.at("outer").what(), "outer: a b: is wrong. Remedy: mend it");
}

TEST(Random, StreamsAreRepeatableUniformAndApart) {
  Random a(1, 2, 3), b(1, 2, 3), c(1, 3, 2);
  double sum = 0, square = 0;
  int equal = 0, counts[5] = {};
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t x = a.next();
    EXPECT_EQ(x, b.next());
    equal += x == c.next();
    ++counts[a.integer(-2, 2) + 2];
    b.integer(-2, 2);
    const double n = a.normal();
    b.normal();
    sum += n;
    square += n * n;
  }
  EXPECT_EQ(equal, 0);
  for (const int count : counts) EXPECT_NEAR(count, 4000, 300);
  EXPECT_NEAR(sum / 20000, 0, 0.03);
  EXPECT_NEAR(square / 20000, 1, 0.05);
}

TEST(BoundedQueue, KeepsOrderAndHandsOutTheRestAfterClosing) {
  BoundedQueue<int> queue(2);
  std::thread producer([&] {
    for (int i = 0; i < 100; ++i) queue.push(i);
    queue.close();
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.pop(), i);
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_FALSE(queue.push(1));
  producer.join();
}

}  // namespace
}  // namespace vepe
