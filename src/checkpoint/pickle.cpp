#include "checkpoint/pickle.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace vepe::checkpoint {
namespace {

using Kind = PickleValue::Kind;

// Far above what any real checkpoint holds (2125 tensors make about 40,000 values, four times as many with the states of
// an optimiser), and 60 MB at most. Writers put at most 1000 elements on the stack before they store them.
constexpr std::size_t kMaxValues = 500'000, kMaxItems = 4'000'000, kMaxStack = 100'000;
constexpr PickleValue::Ref kNoValue = std::numeric_limits<PickleValue::Ref>::max();

PickleValue of_kind(Kind kind) {
  PickleValue value;
  value.kind = kind;
  return value;
}

PickleValue integer_value(std::int64_t integer) {
  PickleValue value = of_kind(Kind::kInteger);
  value.integer = integer;
  return value;
}

PickleValue bool_value(bool truth) {
  PickleValue value = of_kind(Kind::kBool);
  value.integer = truth;
  return value;
}

PickleValue text_value(Kind kind, Bytes bytes) {
  PickleValue value = of_kind(kind);
  value.text = bytes.text();
  return value;
}

std::string hex(std::uint8_t byte) {
  constexpr const char* kDigits = "0123456789abcdef";
  return std::string("0x") + kDigits[byte >> 4] + kDigits[byte & 15];
}

}  // namespace

Pickle::Pickle(std::string name, Bytes bytes) : name_(std::move(name)), bytes_(bytes) { run(); }

void Pickle::fail(const std::string& message) const {
  throw Error(ErrorCode::kInput, name_ + ": pickle byte " + std::to_string(position_), message,
              "fetch the file again; from Python, torch.save(model.state_dict(), path) writes what is read here");
}

void Pickle::run() {
  // Address space only; growing step by step would leave as much again behind in the heap.
  values_.reserve(std::min(bytes_.size(), kMaxValues));
  constexpr std::uint8_t kStop = '.';
  while (true) {
    const auto opcode = take_number<std::uint8_t>();
    if (opcode == kStop) break;
    if (!step(opcode)) fail("opcode " + hex(opcode) + " is not one that torch.save writes");
  }
  root_ = pop();
  if (!stack_.empty() || !marks_.empty()) fail("values are left over at the end");
}

bool Pickle::step(std::uint8_t opcode) {
  return step_scalar(opcode) || step_container(opcode) || step_memo(opcode) || step_object(opcode);
}

bool Pickle::step_scalar(std::uint8_t opcode) {
  switch (opcode) {
    case 0x80:  // PROTO
      if (const auto protocol = take_number<std::uint8_t>(); protocol < 2 || protocol > 5)
        fail("pickle protocol " + std::to_string(protocol));
      return true;
    case 0x95:  // FRAME: only a hint for readers of streams
      take(8);
      return true;
    case 'N':
      push(of_kind(Kind::kNone));
      return true;
    case 0x88:
      push(bool_value(true));
      return true;
    case 0x89:
      push(bool_value(false));
      return true;
    case 'J':
      push(integer_value(take_number<std::int32_t>()));
      return true;
    case 'K':
      push(integer_value(take_number<std::uint8_t>()));
      return true;
    case 'M':
      push(integer_value(take_number<std::uint16_t>()));
      return true;
    case 0x8a:
      push_long(take_counted(1));
      return true;
    case 0x8b:
      push_long(take_counted(4));
      return true;
    case 'G':
      push_float();
      return true;
    case 'X':
      push(text_value(Kind::kText, take_counted(4)));
      return true;  // BINUNICODE
    case 0x8c:
      push(text_value(Kind::kText, take_counted(1)));
      return true;  // SHORT_BINUNICODE
    case 0x8d:
      push(text_value(Kind::kText, take_counted(8)));
      return true;  // BINUNICODE8
    case 'T':
      push(text_value(Kind::kText, take_counted(4)));
      return true;  // BINSTRING, of Python 2
    case 'U':
      push(text_value(Kind::kText, take_counted(1)));
      return true;  // SHORT_BINSTRING
    case 'B':
      push(text_value(Kind::kBytes, take_counted(4)));
      return true;  // BINBYTES
    case 'C':
      push(text_value(Kind::kBytes, take_counted(1)));
      return true;  // SHORT_BINBYTES
    case 0x8e:
      push(text_value(Kind::kBytes, take_counted(8)));
      return true;  // BINBYTES8
    case 0x96:
      push(text_value(Kind::kBytes, take_counted(8)));
      return true;  // BYTEARRAY8
    default:
      return false;
  }
}

bool Pickle::step_container(std::uint8_t opcode) {
  switch (opcode) {
    case '(':
      if (marks_.size() >= kMaxStack) fail("too many marks");
      marks_.push_back(stack_.size());
      return true;
    case ')':
      push(of_kind(Kind::kTuple));
      return true;
    case ']':
      push(of_kind(Kind::kList));
      return true;
    case '}':
      push(of_kind(Kind::kDict));
      return true;
    case 0x8f:
      push(of_kind(Kind::kList));
      return true;  // EMPTY_SET
    case 't':
      make_tuple(pop_to_mark());
      return true;
    case 0x85:
    case 0x86:
    case 0x87: {  // TUPLE1, TUPLE2, TUPLE3
      std::vector<Ref> items(opcode - 0x84);
      for (auto item = items.rbegin(); item != items.rend(); ++item) *item = pop();
      make_tuple(std::move(items));
      return true;
    }
    case 'a':
      add_items({pop()}, Kind::kList);
      return true;  // APPEND
    case 'e':
      add_items(pop_to_mark(), Kind::kList);
      return true;  // APPENDS
    case 0x90:
      add_items(pop_to_mark(), Kind::kList);
      return true;  // ADDITEMS
    case 's': {     // SETITEM
      const Ref value = pop(), key = pop();
      add_items({key, value}, Kind::kDict);
      return true;
    }
    case 'u':
      add_items(pop_to_mark(), Kind::kDict);
      return true;  // SETITEMS
    case '0':
      pop();
      return true;  // POP
    default:
      return false;
  }
}

bool Pickle::step_memo(std::uint8_t opcode) {
  switch (opcode) {
    case 'q':
      remember(take_number<std::uint8_t>());
      return true;
    case 'r':
      remember(take_number<std::uint32_t>());
      return true;
    case 0x94:
      remember(memo_.size());
      return true;  // MEMOIZE
    case 'h':
      recall(take_number<std::uint8_t>());
      return true;
    case 'j':
      recall(take_number<std::uint32_t>());
      return true;
    default:
      return false;
  }
}

bool Pickle::step_object(std::uint8_t opcode) {
  switch (opcode) {
    case 'c': {  // GLOBAL
      const std::string_view module = take_line();
      push_symbol(module, take_line());
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const Ref name = pop(), module = pop();
      if (values_[name].kind != Kind::kText || values_[module].kind != Kind::kText) fail("a global name is not a text");
      push_symbol(values_[module].text, values_[name].text);
      return true;
    }
    case 'R':   // REDUCE
    case 0x81:  // NEWOBJ
      reduce();
      return true;
    case 'b':  // BUILD: attributes of an object, which nothing here needs (`_metadata`, module versions)
      pop();
      top();
      return true;
    case 'Q':
      load_storage();
      return true;  // BINPERSID
    default:
      return false;
  }
}

Bytes Pickle::take(std::size_t count) {
  if (!bytes_.contains(position_, count)) fail("ends in the middle of a value");
  position_ += count;
  return bytes_.part(position_ - count, count);
}

Bytes Pickle::take_counted(std::size_t count_size) {
  const Bytes count = take(count_size);
  if (count_size == 1) return take(count.number<std::uint8_t>(0));
  return take(count_size == 4 ? count.number<std::uint32_t>(0) : count.number<std::uint64_t>(0));
}

std::string_view Pickle::take_line() {
  constexpr std::size_t kMaxLine = 256;
  const std::string_view rest = bytes_.part(position_, bytes_.size() - position_).text().substr(0, kMaxLine);
  const std::size_t end = rest.find('\n');
  if (end == rest.npos) fail("a global name does not end");
  position_ += end + 1;
  return rest.substr(0, end);
}

Pickle::Ref Pickle::add(PickleValue value) {
  if (values_.size() >= kMaxValues) fail("holds more than " + std::to_string(kMaxValues) + " values");
  item_count_ += value.items.size();
  if (item_count_ > kMaxItems) fail("holds more than " + std::to_string(kMaxItems) + " elements");
  values_.push_back(std::move(value));
  return static_cast<Ref>(values_.size() - 1);
}

void Pickle::push(Ref ref) {
  if (stack_.size() >= kMaxStack) fail("the stack is too deep");
  stack_.push_back(ref);
}

Pickle::Ref Pickle::pop() {
  const Ref ref = top();
  stack_.pop_back();
  return ref;
}

Pickle::Ref Pickle::top() const {
  const std::size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) fail("takes a value that is not there");
  return stack_.back();
}

std::vector<Pickle::Ref> Pickle::pop_to_mark() {
  if (marks_.empty()) fail("takes a mark that is not there");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Ref> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

void Pickle::remember(std::uint64_t index) {
  if (index >= kMaxValues) fail("memo index " + std::to_string(index) + " is too large");
  if (index >= memo_.size()) memo_.resize(index + 1, kNoValue);
  memo_[index] = top();
}

void Pickle::recall(std::uint64_t index) {
  if (index >= memo_.size() || memo_[index] == kNoValue) fail("memo entry " + std::to_string(index) + " does not exist");
  push(memo_[index]);
}

void Pickle::push_symbol(std::string_view module, std::string_view name) {
  const auto known = find_symbol(module, name);
  if (!known) {
    const std::string full = std::string(module) + "." + std::string(name);
    throw Error(ErrorCode::kInput, name_,
                "refers to " + full + ", which is not on the list of harmless names; nothing was executed",
                "save the weights alone: torch.save(model.state_dict(), path)");
  }
  PickleValue value = of_kind(Kind::kSymbol);
  value.symbol = *known;
  push(std::move(value));
}

// Numbers beyond 64 bits (the magic number of old files) keep their bytes.
void Pickle::push_long(Bytes bytes) {
  if (bytes.size() > sizeof(std::int64_t)) return push(text_value(Kind::kBytes, bytes));
  std::uint64_t magnitude = 0;
  std::memcpy(&magnitude, bytes.data(), bytes.size());
  const auto unused = static_cast<int>(64 - 8 * bytes.size());
  // Two's complement of the stated width; a shift by 64 is not defined.
  push(integer_value(bytes.size() == 0 ? 0 : static_cast<std::int64_t>(magnitude << unused) >> unused));
}

void Pickle::push_float() {
  PickleValue value = of_kind(Kind::kReal);
  value.real = std::bit_cast<double>(__builtin_bswap64(take_number<std::uint64_t>()));
  push(std::move(value));
}

void Pickle::make_tuple(std::vector<Ref> items) {
  PickleValue value = of_kind(Kind::kTuple);
  value.items = std::move(items);
  push(std::move(value));
}

void Pickle::add_items(const std::vector<Ref>& items, Kind container) {
  PickleValue& target = values_[top()];
  if (target.kind == Kind::kObject) return;  // inert: what it holds is of no interest
  if (target.kind != container) fail("adds elements to something that cannot hold them");
  if (container == Kind::kDict && items.size() % 2 != 0) fail("a dictionary key has no value");
  item_count_ += items.size();
  if (item_count_ > kMaxItems) fail("holds more than " + std::to_string(kMaxItems) + " elements");
  target.items.insert(target.items.end(), items.begin(), items.end());
}

// "Calls" a symbol of the allow-list: a table of what the result is, and no call.
void Pickle::reduce() {
  const PickleValue& arguments = values_[pop()];
  const PickleValue& callee = values_[pop()];
  if (callee.kind != Kind::kSymbol || arguments.kind != Kind::kTuple) fail("calls something that is not a known name");
  const auto argument = [&](std::size_t index, Kind kind) {
    if (index >= arguments.items.size() || values_[arguments.items[index]].kind != kind)
      fail("a rebuild call has unexpected arguments");
    return arguments.items[index];
  };
  switch (callee.symbol.symbol) {
    case Symbol::kDict:
      // Old files hand the pairs over as an argument; none of the supported writers do.
      if (!arguments.items.empty()) fail("a dictionary is built from arguments");
      return push(of_kind(Kind::kDict));
    case Symbol::kRebuildTensor: {
      PickleValue tensor = of_kind(Kind::kTensor);
      tensor.items = {argument(0, Kind::kStorage), argument(1, Kind::kInteger), argument(2, Kind::kTuple),
                      argument(3, Kind::kTuple)};
      return push(std::move(tensor));
    }
    case Symbol::kRebuildParameter:
      return push(argument(0, Kind::kTensor));
    case Symbol::kStorageType:
      fail("calls a storage type");
    case Symbol::kInertData:
      return push(of_kind(Kind::kObject));
  }
}

// ("storage", type, key, location, elements[, view]); the location is of no interest.
void Pickle::load_storage() {
  const PickleValue& id = values_[pop()];
  const auto item = [&](std::size_t index) -> const PickleValue& { return values_[id.items[index]]; };
  if (id.kind != Kind::kTuple || id.items.size() < 5 || id.items.size() > 6 || item(0).kind != Kind::kText ||
      item(0).text != "storage") {
    fail("a persistent id is not a storage (a whole module instead of a state dict?)");
  }
  if (item(1).kind != Kind::kSymbol || item(1).symbol.symbol != Symbol::kStorageType) fail("a storage has no known element type");
  if (item(2).kind != Kind::kText || item(4).kind != Kind::kInteger || item(4).integer < 0) fail("a storage has no key or no size");
  PickleValue storage = of_kind(Kind::kStorage);
  storage.symbol = item(1).symbol;
  storage.text = item(2).text;
  storage.integer = item(4).integer;
  if (id.items.size() == 6 && item(5).kind != Kind::kNone) {
    // (view key, offset, size): a part of the storage that `key` names
    const PickleValue& view = item(5);
    if (view.kind != Kind::kTuple || view.items.size() != 3 || values_[view.items[1]].kind != Kind::kInteger)
      fail("a storage view is damaged");
    storage.items = {view.items[1]};
  }
  push(std::move(storage));
}

const PickleValue* Pickle::find(const PickleValue& dict, std::string_view key) const {
  if (dict.kind != Kind::kDict) return nullptr;
  const PickleValue* found = nullptr;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& candidate = values_[dict.items[i]];
    if (candidate.kind == Kind::kText && candidate.text == key) found = &values_[dict.items[i + 1]];
  }
  return found;
}

}  // namespace vepe::checkpoint
