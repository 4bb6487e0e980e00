// The plain linker that tracks are compared with: greedy box IoU between neighbouring frames, nothing else.
//
//   box_linker POSES.jsonl OUT.mot.txt|OUT.jsonl [MIN_IOU [MIN_SCORE]]     defaults 0.3 and 0.4; prints the number of ids
//
// Ids in POSES.jsonl are ignored. A person without a partner in the frame before gets a new id.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "formats/jsonl.h"
#include "formats/prediction_writer.h"

namespace {

using namespace vepe::formats;

double iou(const Box& a, const Box& b) {
  const double w = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const double h = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (a.width * a.height + b.width * b.height - w * h);
}

void link(const std::vector<Person>& before, std::vector<Person>& now, double min_iou, std::int64_t& next_id) {
  std::vector<std::tuple<double, std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (std::size_t j = 0; j < now.size(); ++j) {
      const double value = iou(*before[i].bbox, *now[j].bbox);
      if (value >= min_iou) pairs.emplace_back(-value, i, j);
    }
  }
  std::sort(pairs.begin(), pairs.end());
  std::set<std::size_t> taken;
  for (Person& person : now) person.track_id.reset();
  for (const auto& [_, i, j] : pairs) {
    if (taken.count(i) || now[j].track_id) continue;
    taken.insert(i);
    now[j].track_id = before[i].track_id;
  }
  for (Person& person : now) {
    if (!person.track_id) person.track_id = next_id++;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: box_linker POSES.jsonl OUT.mot.txt|OUT.jsonl [MIN_IOU [MIN_SCORE]]\n");
    return 2;
  }
  const double min_iou = argc > 3 ? std::atof(argv[3]) : 0.3, min_score = argc > 4 ? std::atof(argv[4]) : 0.4;
  try {
    Sequence sequence = read_jsonl(argv[1]);
    WriterOptions options;
    options.joint_names = sequence.joint_names;
    const bool lines = std::string_view(argv[2]).ends_with(".jsonl");
    const auto writer = open_writer(lines ? Format::kJsonLines : Format::kMot, argv[2], options);
    std::int64_t next_id = 1;
    std::vector<Person> before;
    for (Frame& frame : sequence.frames) {
      std::erase_if(frame.persons, [&](const Person& person) { return !person.bbox || person.score.value_or(1) < min_score; });
      link(before, frame.persons, min_iou, next_id);
      writer->write(frame);
      before = frame.persons;
    }
    writer->close();
    std::printf("%lld ids\n", static_cast<long long>(next_id - 1));
    return 0;
  } catch (const vepe::Error& error) {
    std::fprintf(stderr, "box_linker: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
