#pragma once

#include <algorithm>
#include <optional>
#include <string>

namespace vepe::checkpoint {

// The two names of each parameter of PETR outside its backbone: ours, and the one of the public implementation
// (opera-PETR; PETR on other backbones uses the same). `decoder_layers` is the number of pose-decoder layers: the public
// branch lists are one longer, and their last entry serves the proposals.
// Nothing for a name that the table does not know.
std::optional<std::string> petr_name_from_public(const std::string& name, int decoder_layers);
std::optional<std::string> public_name_from_petr(const std::string& name, int decoder_layers);

// The number after `prefix` plus one, over all names of a container (0 when no name has the prefix): how many layers,
// branches or blocks a checkpoint holds.
template <typename Names>
int count_children(const Names& names, const std::string& prefix) {
  int count = 0;
  for (auto item = names.lower_bound(prefix); item != names.end() && item->first.starts_with(prefix); ++item) {
    const std::string digits = item->first.substr(prefix.size(), item->first.find('.', prefix.size()) - prefix.size());
    if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos) continue;
    count = std::max(count, std::stoi(digits) + 1);
  }
  return count;
}

}  // namespace vepe::checkpoint
