#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "core/heap_pages.h"
#include "formats/json_cursor.h"
#include "formats/pose_data.h"

namespace vepe::formats {

// Inside formats/ only.

// One annotation or result: a person and the image that shows it.
struct ImagePerson {
  std::int64_t image_id = 0;
  bool has_keypoints = false;  // the key is there
  Person person;
};

// Buffers of a reader that lives longer than one person.
struct PersonScratch {
  std::vector<double> keypoints, scores;
};

// Reads the person at the cursor into an empty `found`, or throws; called from several threads at once.
using ReadPerson = std::function<void(JsonCursor& cursor, PersonScratch& scratch, ImagePerson& found)>;

struct AheadOptions {
  int threads = 0;  // 0: one a core; 1: nothing is read ahead
  std::size_t part_bytes = std::size_t{1} << 20;
  std::size_t least_bytes = std::size_t{16} << 20;  // of text, below which threads are not worth their start
};

// Reads the rest of a long list of persons on several threads, ahead of the reader of the file, which stays the judge:
// each thread starts at a place within the list that looks like the start of an element, and its persons count only if
// the reader comes to exactly this place as the start of an element. From there on both would read the same. A thread
// stops before what it cannot read, so every error is found and told by the reader itself, and what is read does not
// depend on the number of threads or on their timing.
class PersonsAhead {
 public:
  // `cursor` stands at an element of the list that is not the first one. `text` is the cursor's and outlives this.
  PersonsAhead(std::string_view text, JsonCursor& cursor, ReadPerson read, const AheadOptions& options);
  ~PersonsAhead();
  PersonsAhead(const PersonsAhead&) = delete;
  PersonsAhead& operator=(const PersonsAhead&) = delete;

  // At the start of an element: hands over the persons that were read from there on, in order, moves the cursor
  // behind them and returns how many they are. 0: the reader has to read this element itself.
  std::size_t take(JsonCursor& cursor, const std::function<void(ImagePerson&&)>& add);

 private:
  struct Part {
    std::size_t begin = 0, end = 0;  // of its persons in the text
    std::vector<ImagePerson> persons;
    bool ready = false;
  };

  std::size_t start_of(std::size_t number) const {
    return static_cast<std::size_t>(first_.position - text_.data()) + number * part_bytes_;
  }
  Part& slot(std::size_t number) { return parts_[number % parts_.size()]; }
  Part& wait_for(std::size_t number);
  void pass();
  void work();
  void read_part(std::size_t number, Part& part, ThreadHeap& heap) const;

  const std::string_view text_;
  const JsonCursor::Mark first_;
  const ReadPerson read_;
  const std::size_t part_bytes_, count_;
  std::vector<Part> parts_;  // a ring: part n is in slot n % size
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t current_ = 0;  // the part that the reader takes next
  std::size_t next_ = 0;     // the part that a thread reads next
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace vepe::formats
