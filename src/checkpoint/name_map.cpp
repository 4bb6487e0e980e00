#include "checkpoint/name_map.h"

#include <string_view>
#include <vector>

namespace vepe::checkpoint {
namespace {

// `#` stands for a number, `@` for the number of pose-decoder layers, `*` for the rest of the name.
struct NamePair {
  std::string_view ours, theirs;
};
constexpr NamePair kNames[] = {
    {"neck.*", "neck.*"},
    {"encoder.level_embed", "bbox_head.transformer.level_embeds"},
    {"encoder.layers.#.self_attn.*", "bbox_head.transformer.encoder.layers.#.attentions.0.*"},
    {"encoder.layers.#.ffn.linear1.*", "bbox_head.transformer.encoder.layers.#.ffns.0.layers.0.0.*"},
    {"encoder.layers.#.ffn.linear2.*", "bbox_head.transformer.encoder.layers.#.ffns.0.layers.1.*"},
    {"encoder.layers.#.norm1.*", "bbox_head.transformer.encoder.layers.#.norms.0.*"},
    {"encoder.layers.#.norm2.*", "bbox_head.transformer.encoder.layers.#.norms.1.*"},
    {"proposals.memory_proj.*", "bbox_head.transformer.enc_output.*"},
    {"proposals.memory_norm.*", "bbox_head.transformer.enc_output_norm.*"},
    {"proposals.score.*", "bbox_head.cls_branches.@.*"},
    {"proposals.keypoint_head.*", "bbox_head.kpt_branches.@.*"},
    {"pose_decoder.query_embedding", "bbox_head.query_embedding.weight"},
    {"pose_decoder.layers.#.self_attn.*", "bbox_head.transformer.decoder.layers.#.attentions.0.attn.*"},
    {"pose_decoder.layers.#.cross_attn.*", "bbox_head.transformer.decoder.layers.#.attentions.1.*"},
    {"pose_decoder.layers.#.ffn.linear1.*", "bbox_head.transformer.decoder.layers.#.ffns.0.layers.0.0.*"},
    {"pose_decoder.layers.#.ffn.linear2.*", "bbox_head.transformer.decoder.layers.#.ffns.0.layers.1.*"},
    {"pose_decoder.layers.#.norm1.*", "bbox_head.transformer.decoder.layers.#.norms.0.*"},
    {"pose_decoder.layers.#.norm2.*", "bbox_head.transformer.decoder.layers.#.norms.1.*"},
    {"pose_decoder.layers.#.norm3.*", "bbox_head.transformer.decoder.layers.#.norms.2.*"},
    {"pose_decoder.score_heads.#.*", "bbox_head.cls_branches.#.*"},
    {"pose_decoder.keypoint_heads.#.*", "bbox_head.kpt_branches.#.*"},
    {"joint_decoder.query_embedding", "bbox_head.transformer.refine_query_embedding.weight"},
    {"joint_decoder.layers.#.self_attn.*", "bbox_head.transformer.refine_decoder.layers.#.attentions.0.attn.*"},
    {"joint_decoder.layers.#.cross_attn.*", "bbox_head.transformer.refine_decoder.layers.#.attentions.1.*"},
    {"joint_decoder.layers.#.ffn.linear1.*", "bbox_head.transformer.refine_decoder.layers.#.ffns.0.layers.0.0.*"},
    {"joint_decoder.layers.#.ffn.linear2.*", "bbox_head.transformer.refine_decoder.layers.#.ffns.0.layers.1.*"},
    {"joint_decoder.layers.#.norm1.*", "bbox_head.transformer.refine_decoder.layers.#.norms.0.*"},
    {"joint_decoder.layers.#.norm2.*", "bbox_head.transformer.refine_decoder.layers.#.norms.1.*"},
    {"joint_decoder.layers.#.norm3.*", "bbox_head.transformer.refine_decoder.layers.#.norms.2.*"},
    {"joint_decoder.keypoint_heads.#.*", "bbox_head.refine_kpt_branches.#.*"},
    {"heatmap.encoder.layers.#.self_attn.*", "bbox_head.transformer.hm_encoder.layers.#.attentions.0.*"},
    {"heatmap.encoder.layers.#.ffn.linear1.*", "bbox_head.transformer.hm_encoder.layers.#.ffns.0.layers.0.0.*"},
    {"heatmap.encoder.layers.#.ffn.linear2.*", "bbox_head.transformer.hm_encoder.layers.#.ffns.0.layers.1.*"},
    {"heatmap.encoder.layers.#.norm1.*", "bbox_head.transformer.hm_encoder.layers.#.norms.0.*"},
    {"heatmap.encoder.layers.#.norm2.*", "bbox_head.transformer.hm_encoder.layers.#.norms.1.*"},
    {"heatmap.out.*", "bbox_head.fc_hm.*"},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// `name` rewritten from one pattern of a pair to the other; nothing when it does not fit.
std::optional<std::string> rewrite(std::string_view name, std::string_view from, std::string_view to, int decoder_layers) {
  std::string_view number, rest;
  std::size_t at = 0;
  for (const char c : from) {
    if (c == '*') {
      rest = name.substr(at);
      at = name.size();
    } else if (c == '#') {
      const std::size_t begin = at;
      while (at < name.size() && is_digit(name[at])) ++at;
      number = name.substr(begin, at - begin);
      if (number.empty()) return std::nullopt;
    } else if (c == '@') {
      const std::string count = std::to_string(decoder_layers);
      if (name.substr(at, count.size()) != count) return std::nullopt;
      at += count.size();
    } else if (at >= name.size() || name[at++] != c) {
      return std::nullopt;
    }
  }
  if (at != name.size()) return std::nullopt;
  std::string result;
  for (const char c : to) {
    if (c == '*') {
      result += rest;
    } else if (c == '#') {
      result += number;
    } else if (c == '@') {
      result += std::to_string(decoder_layers);
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

std::optional<std::string> petr_name_from_public(const std::string& name, int decoder_layers) {
  for (const NamePair& pair : kNames) {
    if (auto result = rewrite(name, pair.theirs, pair.ours, decoder_layers)) return result;
  }
  return std::nullopt;
}

std::optional<std::string> public_name_from_petr(const std::string& name, int decoder_layers) {
  for (const NamePair& pair : kNames) {
    if (auto result = rewrite(name, pair.ours, pair.theirs, decoder_layers)) return result;
  }
  return std::nullopt;
}

}  // namespace vepe::checkpoint
