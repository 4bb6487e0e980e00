#include "core/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/atomic_file.h"
#include "core/error.h"

namespace vepe {
namespace {

std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t size = header.size();
  std::string bytes(reinterpret_cast<const char*>(&size), sizeof size);
  return bytes + header + std::string(data_bytes, '\1');
}

SafetensorsFile parse(const std::string& bytes) {
  return SafetensorsFile("x.safetensors", reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
}

TEST(Safetensors, RoundTripKeepsNamesShapesBytesAndMetadata) {
  const float values[] = {1, -2, 3.5f, 0, 5, 6};
  const std::int64_t ids[] = {7};
  const std::string path = testing::TempDir() + "round.safetensors";
  write_safetensors(path,
                    {{"b.weight", {DType::kF32, {2, 3}, reinterpret_cast<const std::byte*>(values), sizeof values}},
                     {"a", {DType::kI64, {1}, reinterpret_cast<const std::byte*>(ids), sizeof ids}},
                     {"empty", {DType::kF16, {0, 4}, nullptr, 0}}},
                    {{"key", "a \"quoted\" value"}});
  const SafetensorsFile file(path);
  EXPECT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.at("b.weight").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(file.at("b.weight").data, values, sizeof values), 0);
  EXPECT_EQ(std::memcmp(file.at("a").data, ids, sizeof ids), 0);
  EXPECT_EQ(file.at("empty").element_count(), 0);
  EXPECT_EQ(file.metadata().at("key"), "a \"quoted\" value");
  EXPECT_THROW(file.at("none"), Error);
}

TEST(Safetensors, RefusesWhatDoesNotAddUp) {
  struct Case {
    const char* what;
    std::string bytes;
    const char* message;
  };
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::uint64_t huge = 200'000'000;
  const Case cases[] = {
      {"too short", "abc", "too short"},
      {"header longer than the file", std::string(reinterpret_cast<const char*>(&huge), 8) + "{}", "truncated"},
      {"not JSON", file_of("{oops", 0), "not a JSON object"},
      {"nested", file_of(R"({"a":[[[[[[]]]]]]})", 0), "nested too deeply"},
      {"unknown dtype", file_of(R"({"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})", 8), "unknown dtype"},
      {"negative size", file_of(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8), "not a size"},
      {"overflow", file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", 8), "too large"},
      {"range outside", file_of(good, 4), "outside the file"},
      {"range against shape", file_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8), "disagree"},
      {"overlap",
       file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})", 6),
       "overlap"},
      {"hole", file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})", 6), "hole"},
      {"tail", file_of(good, 12), "after the last tensor"},
      {"metadata", file_of(R"({"__metadata__":{"a":1}})", 0), "not a string"},
      {"missing key", file_of(R"({"a":{"dtype":"F32"}})", 0), "needs dtype"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    try {
      parse(c.bytes);
      ADD_FAILURE() << "was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_NE(std::string(error.what()).find(c.message), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(parse(file_of(good, 8)).tensors().size(), 1u);
}

TEST(AtomicFile, LeavesTheOldFileWhenItIsNotCommitted) {
  const std::string path = testing::TempDir() + "atomic.txt";
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write("new");
  }
  EXPECT_EQ(read_file(path), "old");
  write_file_atomically(path, "new");
  EXPECT_EQ(read_file(path), "new");
  try {
    AtomicFile file("/no/such/folder/file");
    ADD_FAILURE() << "was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutput);
  }
}

}  // namespace
}  // namespace vepe
