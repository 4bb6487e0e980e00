#include "eval/mot_eval.h"

#include <algorithm>

#include "core/error.h"
#include "eval/parallel.h"
#include "formats/mot.h"

namespace vepe::eval {
namespace {

namespace fs = std::filesystem;

struct MotFiles {
  std::string name;
  fs::path gt, predictions;
};

// The name of a sequence from its ground truth: MOTChallenge keeps <seq>/gt/gt.txt.
std::string name_of(const fs::path& gt) {
  const fs::path absolute = fs::absolute(gt).lexically_normal();
  if (absolute.filename() == "gt.txt" && absolute.parent_path().filename() == "gt")
    return absolute.parent_path().parent_path().filename().string();
  return gt.stem().string();
}

fs::path find_results(const fs::path& folder, const std::string& name) {
  for (const char* ending : {".txt", ".mot.txt"}) {
    if (fs::path path = folder / (name + ending); fs::is_regular_file(path)) return path;
  }
  return {};
}

std::vector<fs::path> gt_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() && fs::is_regular_file(entry.path() / "gt" / "gt.txt"))
      files.push_back(entry.path() / "gt" / "gt.txt");
    if (entry.is_regular_file() && entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  if (files.empty())
    throw Error(ErrorCode::kInput, folder.string(), "no ground truth here", "give gt.txt, or a folder of <sequence>/gt/gt.txt");
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<MotFiles> pair_files(const fs::path& gt, const fs::path& predictions, const MotOptions& options) {
  for (const fs::path& path : {gt, predictions}) {
    if (!fs::exists(path)) throw Error(ErrorCode::kInput, path.string(), "no such file or folder", "check the path");
  }
  const bool folder = fs::is_directory(predictions);
  if (!fs::is_directory(gt) && !folder) return {{name_of(gt), gt, predictions}};
  if (!folder)
    throw Error(ErrorCode::kInput, predictions.string(), "is a file, but the ground truth is a folder",
                "give the folder of results");
  std::vector<MotFiles> files;
  for (const fs::path& path : fs::is_directory(gt) ? gt_files(gt) : std::vector{gt}) {
    const std::string name = name_of(path);
    const fs::path found = find_results(predictions, name);
    if (!found.empty()) {
      files.push_back({name, path, found});
      continue;
    }
    if (!options.lenient) {
      throw Error(ErrorCode::kInput, name, "no results for this sequence in " + predictions.string(),
                  "name them " + name + ".txt, or pass --lenient to leave the sequence out");
    }
    if (options.skipped) options.skipped->push_back({name, "no results; sequence left out"});
  }
  if (files.empty())
    throw Error(ErrorCode::kInput, predictions.string(), "no sequence has results here", "name result files <sequence>.txt");
  return files;
}

}  // namespace

MotReport evaluate_mot(const fs::path& gt, const fs::path& predictions, const MotOptions& options) {
  if (!(options.min_iou > 0 && options.min_iou <= 1))
    throw Error(ErrorCode::kUsage, "--min-iou", "must be above 0 and at most 1", "0.5 is the usual value");
  const std::vector<MotFiles> files = pair_files(gt, predictions, options);
  std::vector<BoxCounts> counts(files.size());
  std::vector<std::vector<formats::Skipped>> skipped(files.size());
  parallel_for(files.size(), options.threads, [&](std::size_t i) {
    const formats::ReadOptions read{options.lenient, &skipped[i]};
    formats::Sequence truth = formats::read_mot(files[i].gt, read);
    truth.name = files[i].name;
    formats::Sequence results = formats::read_mot(files[i].predictions, read);
    results.name = files[i].predictions.filename().string();
    counts[i] = evaluate_boxes(load_boxes(truth, results, options.lenient ? &skipped[i] : nullptr), options.min_iou);
  });
  MotReport report;
  report.total = combine_boxes(counts);
  for (std::size_t i = 0; i < files.size(); ++i) {
    report.sequences.emplace_back(files[i].name, std::move(counts[i]));
    if (options.skipped) options.skipped->insert(options.skipped->end(), skipped[i].begin(), skipped[i].end());
  }
  return report;
}

}  // namespace vepe::eval
