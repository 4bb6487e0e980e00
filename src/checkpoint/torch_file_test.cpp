#include "checkpoint/torch_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "checkpoint/sample_archive.h"
#include "checkpoint/sha256.h"
#include "core/error.h"
#include "core/random.h"

namespace vepe::checkpoint {
namespace {

const std::string kSamples = std::string(VEPE_SOURCE_DIR) + "/tests/data/checkpoint/pth_samples/";

std::string contiguous_bytes(const TorchTensor& tensor) {
  std::string bytes(tensor.size_bytes(), '\0');
  tensor.copy_to(reinterpret_cast<std::byte*>(bytes.data()));
  return bytes;
}

std::string public_dtype(DType dtype) {
  static const std::map<DType, std::string> names = {{DType::kF16, "float16"}, {DType::kBF16, "bfloat16"}, {DType::kF32, "float32"},
                                                     {DType::kF64, "float64"}, {DType::kI8, "int8"},       {DType::kU8, "uint8"},
                                                     {DType::kI16, "int16"},   {DType::kI32, "int32"},     {DType::kI64, "int64"},
                                                     {DType::kBool, "bool"}};
  return names.at(dtype);
}

void expect_tensors(const StateDict& state, const nlohmann::json& entry) {
  EXPECT_EQ(state.root, entry.at("root"));
  std::map<std::string, TorchTensor> stripped;
  for (const auto& [name, tensor] : state.tensors) {
    std::string shortened = name;
    for (const auto& prefix : entry.value("strip", std::vector<std::string>())) {
      if (shortened.starts_with(prefix)) shortened.erase(0, prefix.size());
    }
    stripped[shortened] = tensor;
  }
  EXPECT_EQ(stripped.size(), entry.at("tensors").size());
  for (const auto& [name, wanted] : entry.at("tensors").items()) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(stripped.count(name));
    EXPECT_EQ(stripped[name].shape, wanted.at("shape").get<std::vector<std::int64_t>>());
    EXPECT_EQ(public_dtype(stripped[name].dtype), wanted.at("dtype"));
    EXPECT_EQ(sha256(contiguous_bytes(stripped[name])), wanted.at("sha256"));
  }
}

// Every sample file of the field gives its tensors, or a refusal with a remedy.
TEST(TorchFile, SamplesLoadOrAreRefusedAsListed) {
  const auto index = nlohmann::json::parse(std::ifstream(kSamples + "index.json"));
  ASSERT_EQ(index.size(), 20U);
  int loaded = 0;
  for (const auto& [file, entry] : index.items()) {
    SCOPED_TRACE(file);
    try {
      const TorchFile checkpoint(kSamples + file);
      expect_tensors(checkpoint.state_dict(), entry);
      EXPECT_EQ(entry.at("expect"), "load");
      ++loaded;
    } catch (const Error& error) {
      EXPECT_TRUE(entry.at("expect") == "refuse" || entry.value("or_refuse", false)) << error.what();
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_FALSE(error.remedy().empty());
    }
  }
  EXPECT_EQ(loaded, 11);  // the loadable ones but for the big-endian and the deflated file
}

TEST(TorchFile, NamedEntryIsPreferredOverTheUsualOne) {
  const TorchFile checkpoint(kSamples + "07_nested_wrapper.pth");
  EXPECT_EQ(checkpoint.state_dict("ema_state_dict").root, "ema_state_dict");
  EXPECT_THROW(checkpoint.state_dict("no_such_entry"), Error);
}

StateDict load(const std::string& file) { return TorchFile("test.pth", sample::bytes_of(file)).state_dict(); }

TEST(TorchFile, SampleBuilderMakesAValidFile) {
  const std::string file = sample::checkpoint(sample::dict_pickle(sample::good_tensor()));
  const StateDict state = load(file);
  ASSERT_EQ(state.tensors.size(), 1U);
  EXPECT_EQ(contiguous_bytes(state.tensors.at("w")), "0123456789abcdef");
}

TEST(TorchFile, TransposedViewIsCopiedRowByRow) {
  const std::string file =
      sample::checkpoint(sample::dict_pickle(sample::tensor(sample::storage(), 0, sample::tuple({2, 2}), sample::tuple({1, 2}))));
  EXPECT_EQ(contiguous_bytes(load(file).tensors.at("w")), "012389ab4567cdef");
}

TEST(TorchFile, EmptyTensorWithHugeSizesHasNoElements) {
  const std::string huge = "(\x8a\x08" + std::string("\0\0\0\0\0\0\0\x40", 8) + "\x8a\x08" + std::string("\0\0\0\0\0\0\0\x40", 8) +
                           "K" + std::string(1, '\0') + "t";
  const std::string file =
      sample::checkpoint(sample::dict_pickle(sample::tensor(sample::storage(), 0, huge, sample::tuple({1, 1, 1}))));
  EXPECT_EQ(load(file).tensors.at("w").element_count(), 0);
}

// Some trainers keep the loss of every step beside the weights.
TEST(TorchFile, AHistoryOfThreeHundredThousandNumbersIsNotTooMuch) {
  std::string history = "]";
  for (int batch = 0; batch < 300; ++batch) {
    history += "(";
    for (int i = 0; i < 1000; ++i) history += "K\x07";
    history += "e";
  }
  const std::string pickle =
      "\x80\x02}" + sample::text("w") + sample::good_tensor() + "s" + sample::text("history") + history + "s.";
  EXPECT_EQ(load(sample::checkpoint(pickle)).tensors.count("w"), 1u);
}

struct BadFile {
  std::string what, bytes;
};

void add_bad_pickles(std::vector<BadFile>& files) {
  using namespace sample;
  const auto add = [&](const std::string& what, const std::string& pickle) { files.push_back({what, checkpoint(pickle)}); };
  const auto add_value = [&](const std::string& what, const std::string& value) { add(what, dict_pickle(value)); };
  const std::string good = storage();
  for (const auto& [module, name] : std::vector<std::pair<std::string, std::string>>{{"os", "system"},
                                                                                     {"posix", "system"},
                                                                                     {"builtins", "eval"},
                                                                                     {"__builtin__", "exec"},
                                                                                     {"subprocess", "Popen"},
                                                                                     {"torch", "load"},
                                                                                     {"torch.nn.modules.linear", "Linear"},
                                                                                     {"torch._utils", "_rebuild_qtensor"},
                                                                                     {"torch", "ComplexFloatStorage"},
                                                                                     {"torch", "QInt8Storage"},
                                                                                     {"torch.storage", "_load_from_bytes"},
                                                                                     {"numpy", "load"},
                                                                                     {"", ""},
                                                                                     {"collections", "OrderedDict.fromkeys"}}) {
    // Beside good weights, so that nothing but the name can be the reason.
    add("global " + module + "." + name, "\x80\x02}" + text("w") + good_tensor() + "s" + text("x") + global(module, name) + ")Rs.");
  }
  const std::string known =
      "\x80\x95N\x88\x89JKM\x8a\x8bGX\x8c\x8dTUBC\x8e\x96()]}\x8ft\x85\x86\x87"
      "ae\x90su0qr\x94hjc\x93R\x81"
      "bQ.";
  for (int opcode = 0; opcode < 256; ++opcode) {
    if (known.find(static_cast<char>(opcode)) == known.npos)
      add("opcode " + std::to_string(opcode), "\x80\x02}}" + std::string(1, static_cast<char>(opcode)) + "0.");
  }
  add("no stop", "\x80\x02}");
  add("empty pickle", "");
  add("protocol 0", std::string("\x80\x00}.", 4));
  add("stack underflow", "\x80\x02s.");
  add("pop below a mark", "\x80\x02}(0t.");
  add("no mark", "\x80\x02}u.");
  add("odd items", "\x80\x02}(" + text("a") + "u.");
  add("left over", "\x80\x02}}.");
  add("text of 4 GiB", "\x80\x02X\xff\xff\xff\xff.");
  add("text of 2^64", "\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff.");
  add("long of 4 GiB", "\x80\x02\x8b\xff\xff\xff\xff.");
  add("memo index of 4 Gi", "\x80\x02}r\xff\xff\xff\xff.");
  add("memo entry missing", "\x80\x02h\x07.");
  add("list in itself", std::string("\x80\x02]q\x00h\x00"
                                    "a.",
                                    8));
  add("dictionary in itself", std::string("\x80\x02}q\x00", 5) + text("state_dict") + std::string("h\x00s.", 4));
  add("two million lists", "\x80\x02" + std::string(2'000'000, ']') + ".");
  add("two million marks", "\x80\x02" + std::string(2'000'000, '(') + ".");
  std::string popped;
  for (int i = 0; i < 600'000; ++i) popped += "]0";
  add("six hundred thousand values", "\x80\x02}" + popped + ".");
  add("call of a dictionary", "\x80\x02})R.");
  add("call without a tuple", "\x80\x02" + global("collections", "OrderedDict") + "}R.");
  add("global without an end",
      "\x80\x02"
      "c" +
          std::string(1000, 'a'));
  add("append to a number",
      "\x80\x02K\x01K\x01"
      "a.");
  add("no dictionary", "\x80\x02K\x01.");
  add("no tensors", "\x80\x02}" + text("w") + "K\x01s.");
  add("persistent id is a number", "\x80\x02K\x01Q.");
  add("persistent module", "\x80\x02(" + text("module") + text("a") + text("b") + text("c") + text("d") + "tQ.");
  add_value("negative size", tensor(good, 0, tuple({-1, 2}), tuple({2, 1})));
  add_value("negative stride", tensor(good, 3, tuple({2, 2}), tuple({-2, 1})));
  add_value("negative offset", tensor(good, -1, tuple({2, 2}), tuple({2, 1})));
  add_value("offset beyond the storage", tensor(good, 1, tuple({2, 2}), tuple({2, 1})));
  add_value("sizes beyond the storage", tensor(good, 0, tuple({5}), tuple({1})));
  add_value("sizes that overflow",
            tensor(good, 0, "(" + std::string("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ft"),
                   tuple({1, 1})));
  add_value("strides that overflow",
            tensor(good, 0, tuple({2, 2}),
                   "(" + std::string("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ft")));
  add_value("more sizes than strides", tensor(good, 0, tuple({2, 2}), tuple({1})));
  add_value("17 dimensions", tensor(good, 0, tuple(std::vector<std::int32_t>(17, 1)), tuple(std::vector<std::int32_t>(17, 1))));
  add_value("sizes that are texts", tensor(good, 0, "(" + text("a") + "t", tuple({1})));
  add_value("repeated to 2^60 elements", tensor(good, 0, tuple({1 << 30, 1 << 30}), tuple({0, 0})));
  add_value("storage that is too small", tensor(storage("DoubleStorage"), 0, tuple({2}), tuple({1})));
  add_value("storage that is too large", tensor(storage("HalfStorage"), 0, tuple({2}), tuple({1})));
  add_value("storage of negative size", tensor(storage("FloatStorage", "0", -4), 0, tuple({2}), tuple({1})));
  add_value("storage that is missing", tensor(storage("FloatStorage", "7"), 0, tuple({2}), tuple({1})));
  add_value("storage outside the archive", tensor(storage("FloatStorage", "../../../etc/passwd"), 0, tuple({2}), tuple({1})));
  add_value("tensor over a number", tensor("K\x01", 0, tuple({2}), tuple({1})));
  add_value("tensor without arguments", global("torch._utils", "_rebuild_tensor_v2") + ")R");
}

void add_bad_archives(std::vector<BadFile>& files) {
  using namespace sample;
  const std::string pickle = dict_pickle(good_tensor());
  const std::string good = checkpoint(pickle);
  const auto change = [&](const std::string& what, const auto& edit) {
    auto list = members(pickle);
    edit(list);
    files.push_back({what, zip(list)});
  };
  for (std::size_t part = 1; part < 20; ++part)
    files.push_back({"cut at " + std::to_string(part) + "/20", good.substr(0, good.size() * part / 20)});
  files.push_back({"empty archive", zip({})});
  change("no data.pkl", [](auto& list) { list[0].name = "archive/model.pkl"; });
  change("data.pkl too deep", [](auto& list) { list[0].name = "a/b/data.pkl"; });
  change("two data.pkl", [](auto& list) { list.push_back({"other/data.pkl", list[0].data}); });
  change("TorchScript", [](auto& list) { list.push_back({"archive/constants.pkl", "x"}); });
  change("member twice", [](auto& list) { list.push_back(list[1]); });
  change("name with ..", [](auto& list) { list.push_back({"archive/../../evil", "x"}); });
  change("absolute name", [](auto& list) { list.push_back({"/etc/passwd", "x"}); });
  change("name with a backslash", [](auto& list) { list.push_back({"archive\\evil", "x"}); });
  change("empty name", [](auto& list) { list.push_back({"", "x"}); });
  change("deflated object", [](auto& list) { list[0].method = 8; });
  change("deflate bomb", [](auto& list) { list[1].method = 8, list[1].unpacked = 0xfffffff0; });
  change("encrypted", [](auto& list) { list[1].flags = 1; });
  change("stored with two sizes", [](auto& list) { list[1].unpacked = 1u << 31; });
  change("zip64 without its field", [](auto& list) { list[1].unpacked = 0xffffffff; });
  change("damaged object", [](auto& list) { list[0].crc_change = 1; });
  change("damaged storage", [](auto& list) { list[1].crc_change = 1; });
  change("member at another offset", [](auto& list) { list[1].offset_change = 1; });
  change("member beyond the end", [](auto& list) { list[1].offset_change = 1 << 30; });
  change("overlap", [](auto& list) {
    // The second member's header lies in the first one's data.
    const std::string inner = zip({{"archive/b", "12345678"}}).substr(0, 30 + 9 + 8);
    list.push_back({"archive/a", inner});
    list.push_back({"archive/b", "12345678"});
    list.back().offset_change = -static_cast<std::int64_t>(inner.size());
  });
  change("big-endian", [](auto& list) { list.push_back({"archive/byteorder", "big"}); });
  const std::size_t end = good.size() - 22;
  const auto patch = [&](const std::string& what, std::size_t at, const std::string& bytes) {
    std::string file = good;
    files.push_back({what, file.replace(at, bytes.size(), bytes)});
  };
  patch("more members than there are", end + 10, little<std::uint16_t>(9));
  patch("zip64 count without a locator", end + 10, little<std::uint16_t>(0xffff));
  patch("directory beyond the end", end + 16, little<std::uint32_t>(0x7fffffff));
  patch("directory of 4 GiB", end + 12, little<std::uint32_t>(0x7ffffff0));
  patch("directory that is not one", end + 16, little<std::uint32_t>(0));
}

void add_bad_streams(std::vector<BadFile>& files) {
  std::ifstream stream(kSamples + "02_legacy_nonzip.pth", std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(stream)), {});
  ASSERT_FALSE(good.empty());
  for (std::size_t part = 0; part < 10; ++part)
    files.push_back({"stream cut at " + std::to_string(part) + "/10", good.substr(0, good.size() * part / 10)});
  files.push_back({"web page", "<!DOCTYPE html><html><body>404</body></html>"});
  files.push_back({"text", "hello"});
  files.push_back({"tar", std::string(257, 'a') + "ustar" + std::string(300, '\0')});
}

TEST(TorchFile, MalformedFilesAreRefusedWithARemedy) {
  std::vector<BadFile> files;
  add_bad_pickles(files);
  add_bad_archives(files);
  add_bad_streams(files);
  EXPECT_GE(files.size(), 100U);
  for (const BadFile& file : files) {
    SCOPED_TRACE(file.what);
    try {
      load(file.bytes);
      ADD_FAILURE() << "was loaded";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_FALSE(error.message().empty());
      EXPECT_FALSE(error.remedy().empty());
    }
  }
}

// Whatever one flips, the answer is tensors or an Error.
TEST(TorchFile, RandomChangesNeverDoHarm) {
  for (const std::string name : {"01_plain_zip.pth", "02_legacy_nonzip.pth", "07_nested_wrapper.pth", "13_protocol4.pth"}) {
    std::ifstream stream(kSamples + name, std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(stream)), {});
    int refused = 0;
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      Random random(seed);
      std::string file = good;
      for (std::int64_t change = random.integer(1, 4); change > 0; --change) {
        file[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(file.size()) - 1))] =
            static_cast<char>(random.integer(0, 255));
      }
      try {
        for (const auto& [unused, tensor] : load(file).tensors) contiguous_bytes(tensor);
      } catch (const Error&) {
        ++refused;
      }
    }
    EXPECT_GT(refused, 100) << name;
  }
}

}  // namespace
}  // namespace vepe::checkpoint
