#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/byte_reader.h"
#include "checkpoint/pickle_symbols.h"

namespace vepe::checkpoint {

// One value of a pickle. Values refer to each other by their index in the pickle, so that circular ones do no harm.
struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,
    kInteger,
    kReal,
    kText,
    kBytes,
    kList,
    kTuple,
    kDict,
    kSymbol,
    kObject,
    kStorage,
    kTensor
  };
  using Ref = std::uint32_t;

  Kind kind = Kind::kNone;
  KnownSymbol symbol;        // kSymbol; kStorage: its element type
  std::int64_t integer = 0;  // kBool, kInteger; kStorage: number of elements
  double real = 0;           // kReal
  std::string_view text;     // kText, kBytes (bytes of the file); kStorage: its key
  // kList, kTuple: elements. kDict: key, value, key, value, ... kTensor: storage, offset, sizes, strides.
  // kStorage: nothing, or offset of a view in an older storage.
  std::vector<Ref> items;
};

// The values of one pickle, built without executing anything: a global name must be on the allow-list of
// pickle_symbols.h, and "calling" it gives inert data. Understands what torch.save writes (protocols 2 to 4).
class Pickle {
 public:
  using Ref = PickleValue::Ref;
  using Kind = PickleValue::Kind;

  // Reads one pickle from the start of `bytes`, which must outlive the object. `name` stands for the file in
  // messages. Throws Error(kInput) for a foreign symbol or opcode, damage, or too many values.
  Pickle(std::string name, Bytes bytes);

  const PickleValue& root() const { return values_[root_]; }
  const PickleValue& at(Ref ref) const { return values_[ref]; }
  const std::vector<PickleValue>& values() const { return values_; }
  std::size_t bytes_read() const { return position_; }

  // Value of a text key in a dictionary, or null. The last one wins, as in Python.
  const PickleValue* find(const PickleValue& dict, std::string_view key) const;

 private:
  void run();
  bool step(std::uint8_t opcode);  // false: not an opcode of this group
  bool step_scalar(std::uint8_t opcode);
  bool step_container(std::uint8_t opcode);
  bool step_memo(std::uint8_t opcode);
  bool step_object(std::uint8_t opcode);

  Bytes take(std::size_t count);
  Bytes take_counted(std::size_t count_size);  // a length of 1, 4 or 8 bytes, then that many bytes
  std::string_view take_line();
  template <typename Number>
  Number take_number() {
    return take(sizeof(Number)).number<Number>(0);
  }

  Ref add(PickleValue value);
  void push(PickleValue value) { push(add(std::move(value))); }
  void push(Ref ref);
  Ref pop();
  Ref top() const;
  std::vector<Ref> pop_to_mark();
  void remember(std::uint64_t index);
  void recall(std::uint64_t index);

  void push_symbol(std::string_view module, std::string_view name);
  void push_long(Bytes bytes);
  void push_float();
  void make_tuple(std::vector<Ref> items);
  void add_items(const std::vector<Ref>& items, Kind container);
  void reduce();
  void load_storage();
  [[noreturn]] void fail(const std::string& message) const;

  std::string name_;
  Bytes bytes_;
  std::size_t position_ = 0;
  std::vector<PickleValue> values_;
  std::size_t item_count_ = 0;
  std::vector<Ref> stack_, memo_;
  std::vector<std::size_t> marks_;
  Ref root_ = 0;
};

}  // namespace vepe::checkpoint
