#include "cli/convert.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "formats/convert.h"

namespace vepe::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string in, out, from, to, joints, sequence;
  bool lenient = false;
};

std::string_view extension_of(formats::Format format) {
  switch (format) {
    case formats::Format::kJsonLines:
      return ".jsonl";
    case formats::Format::kCsv:
      return ".csv";
    case formats::Format::kMot:
      return ".txt";
    default:
      return ".json";
  }
}

std::vector<fs::path> files_in(const fs::path& folder, formats::Format format) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == extension_of(format)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    throw Error(ErrorCode::kInput, folder.string(), "has no file " + std::string("*") + std::string(extension_of(format)),
                "name the folder that holds the files, or one file");
  }
  return files;
}

void report(const fs::path& in, const fs::path& out, const formats::ConvertReport& report,
            const std::vector<formats::Skipped>& skipped) {
  std::cout << out.string() << ": " << report.frames << " frames, " << report.persons << " persons\n";
  if (!report.lost.empty()) {
    std::cerr << in.string() << ": not in the output:";
    for (std::size_t i = 0; i < report.lost.size(); ++i) std::cerr << (i == 0 ? " " : ", ") << report.lost[i];
    std::cerr << "\n";
  }
  for (const formats::Skipped& item : skipped) std::cerr << "skipped: " << item.where << ": " << item.message << "\n";
}

void convert_one(const fs::path& in, const fs::path& out, formats::ConvertOptions options) {
  std::vector<formats::Skipped> skipped;
  options.read.skipped = &skipped;
  const formats::ConvertReport result = formats::convert_file(in, out, options);
  report(in, out, result, skipped);
}

void run(const Arguments& arguments) {
  formats::ConvertOptions options;
  options.from = formats::parse_format(arguments.from);
  options.to = formats::parse_format(arguments.to);
  options.joints = arguments.joints;
  options.sequence = arguments.sequence;
  options.read.lenient = arguments.lenient;
  std::error_code ignored;
  if (!fs::is_directory(arguments.in, ignored)) {
    const bool into_folder = fs::is_directory(arguments.out, ignored);
    const fs::path out =
        into_folder ? fs::path(arguments.out) / (fs::path(arguments.in).stem().string() + std::string(extension_of(options.to)))
                    : fs::path(arguments.out);
    if (fs::equivalent(arguments.in, out, ignored)) {
      throw Error(ErrorCode::kUsage, out.string(), "input and output are the same file", "give another output");
    }
    convert_one(arguments.in, out, options);
    return;
  }
  if (fs::equivalent(arguments.in, arguments.out, ignored)) {
    throw Error(ErrorCode::kUsage, arguments.out, "input and output are the same folder", "give another output folder");
  }
  make_output_folder(arguments.out);
  for (const fs::path& file : files_in(arguments.in, options.from)) {
    throw_if_interrupted();
    convert_one(file, fs::path(arguments.out) / (file.stem().string() + std::string(extension_of(options.to))), options);
  }
}

}  // namespace

void add_convert_command(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("convert", "Convert poses between file formats");
  std::string formats_text;
  for (const formats::Format format : formats::all_formats()) {
    formats_text += (formats_text.empty() ? "" : ", ") + std::string(formats::format_name(format));
  }
  command->add_option("IN", arguments->in, "A file, or a folder of files of one format")->required();
  command->add_option("OUT", arguments->out, "The file or folder to write")->required();
  command->add_option("--from", arguments->from, "Format of IN: " + formats_text)->required();
  command->add_option("--to", arguments->to, "Format of OUT, same names")->required();
  command->add_option(
      "--joints", arguments->joints,
      "Joint order of OUT: coco17, posetrack15, posetrack18, posetrack21_kit, crowdpose14 (default: what the format asks "
      "for)");
  command->add_option("--sequence", arguments->sequence, "Sequence name in PoseTrack output, e.g. 000101_mpii_test");
  command->add_flag("--lenient", arguments->lenient, "Leave out what cannot be read and list it, instead of stopping");
  command->footer("Example: vepe convert clip.jsonl clip.json --from jsonl --to posetrack18");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace vepe::cli
