#include "formats/persons_ahead.h"

#include <algorithm>
#include <system_error>

namespace vepe::formats {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;
// Of places in one part that look like the start of an element and are not, as in a list of objects within an element.
constexpr int kMostTries = 100;

constexpr std::size_t kPartsPerThread = 4;  // at most so many are read before they are taken

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Whether `mark` is the last character before `place` that is no space; `place` then moves to it.
bool follows(std::string_view text, char mark, std::size_t& place) {
  std::size_t before = place;
  while (before > 0 && is_space(text[before - 1])) --before;
  if (before == 0 || text[before - 1] != mark) return false;
  place = before - 1;
  return true;
}

// The first '{' from `from` to `limit` that comes after "},".
std::size_t likely_start(std::string_view text, std::size_t from, std::size_t limit) {
  for (;;) {
    const std::size_t brace = text.substr(0, limit).find('{', from);
    if (brace == kNowhere) return kNowhere;
    std::size_t place = brace;
    if (follows(text, ',', place) && follows(text, '}', place)) return brace;
    from = brace + 1;
  }
}

int thread_count(const AheadOptions& options) {
  return options.threads > 0 ? options.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

PersonsAhead::PersonsAhead(std::string_view text, JsonCursor& cursor, ReadPerson read, const AheadOptions& options)
    : text_(text),
      first_((cursor.next_offset(), cursor.mark())),
      read_(std::move(read)),
      part_bytes_(options.part_bytes),
      count_((text.size() - cursor.offset() + part_bytes_ - 1) / part_bytes_) {
  // More threads than parts would idle, and many would hold much of the file at once.
  constexpr std::size_t kMostThreads = 8;
  const int threads = static_cast<int>(std::min({static_cast<std::size_t>(thread_count(options)), count_, kMostThreads}));
  if (threads <= 1 || text.size() - cursor.offset() < options.least_bytes) return;
  parts_.resize(kPartsPerThread * static_cast<std::size_t>(threads));
  threads_.reserve(static_cast<std::size_t>(threads));
  try {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {  // what the system gives has to do, even none
  }
}

PersonsAhead::~PersonsAhead() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::size_t PersonsAhead::take(JsonCursor& cursor, const std::function<void(ImagePerson&&)>& add) {
  if (threads_.empty()) return 0;
  const std::size_t place = cursor.next_offset();
  while (current_ < count_ && place >= start_of(current_)) {
    Part& part = wait_for(current_);
    if (part.begin == place) {
      for (ImagePerson& person : part.persons) add(std::move(person));
      const std::size_t count = part.persons.size();
      cursor.rewind({text_.data() + part.end, first_.depth, false});
      pass();
      return count;
    }
    if (part.begin != kNowhere && part.begin > place) return 0;
    pass();
  }
  return 0;
}

PersonsAhead::Part& PersonsAhead::wait_for(std::size_t number) {
  std::unique_lock lock(mutex_);
  Part& part = slot(number);
  changed_.wait(lock, [&] { return part.ready; });
  return part;
}

void PersonsAhead::pass() {
  {
    const std::lock_guard lock(mutex_);
    Part& part = slot(current_++);
    part.persons.clear();
    part.ready = false;
  }
  changed_.notify_all();
}

void PersonsAhead::work() {
  ThreadHeap heap(2 * (count_ * part_bytes_) / parts_.size() * kPartsPerThread);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || (next_ < count_ && next_ < current_ + parts_.size()); });
    if (stop_) return;
    const std::size_t number = next_++;
    Part& part = slot(number);
    lock.unlock();
    read_part(number, part, heap);
    lock.lock();
    part.ready = true;
    changed_.notify_all();
  }
}

// The persons that start within the part; the last one may end behind it.
void PersonsAhead::read_part(std::size_t number, Part& part, ThreadHeap& heap) const {
  const std::size_t limit = std::min(text_.size(), start_of(number) + part_bytes_);
  // A text that ends soon, so that an endless element costs each thread little.
  JsonCursor cursor(text_.substr(0, std::min(text_.size(), limit + part_bytes_)));
  PersonScratch scratch;
  part.begin = kNowhere;
  std::size_t read = 0;
  std::size_t start = start_of(number);
  for (int tries = 0; tries < kMostTries && read == 0; ++tries, ++start) {
    start = likely_start(text_, start, limit);
    if (start == kNowhere) return;
    try {
      cursor.rewind({text_.data() + start, first_.depth, false});
      do {
        ImagePerson& found = part.persons.emplace_back();
        read_(cursor, scratch, found);
        heap.reached(found.person.keypoints.data());
        ++read;
        part.begin = start;
        part.end = cursor.offset();
      } while (cursor.next_element() && cursor.next_offset() < limit);
    } catch (const std::exception&) {  // the reader comes here and tells
    }
    part.persons.resize(read);
  }
}

}  // namespace vepe::formats
