#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "formats/pose_data.h"

namespace vepe::fuzz {

// Any bytes give a result or a vepe::Error that names the file, strictly and leniently; every pose that comes out has
// as many keypoints as there are joint names.
template <typename Parse>
void read_both_ways(const std::uint8_t* data, std::size_t size, const Parse& parse) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  bool accepted = false;
  std::vector<formats::Skipped> skipped;
  formats::ReadOptions lenient;
  lenient.lenient = true;
  lenient.skipped = &skipped;
  for (const bool strict : {true, false}) {
    try {
      const formats::Sequence sequence = parse(text, std::string("input"), strict ? formats::ReadOptions{} : lenient);
      accepted = accepted || strict;
      for (const formats::Frame& frame : sequence.frames) {
        for (const formats::Person& person : frame.persons) {
          if (!person.keypoints.empty() && person.keypoints.size() != sequence.joint_names.size()) std::abort();
        }
      }
      if (accepted && !skipped.empty()) std::abort();  // lenient must not refuse what strict takes
    } catch (const Error& error) {
      if (error.where().find("input") == std::string::npos) std::abort();
      if (accepted && !strict) std::abort();
    }
  }
}

}  // namespace vepe::fuzz
