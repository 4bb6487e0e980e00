#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "model/model_file.h"

// For tests: the small PETR of tests/data/petr, read straight from the records of its checkpoint through the index
// beside it (checkpoint/ reads the same file as users do).
namespace vepe::model::golden {

inline std::string petr_path(const std::string& name) { return std::string(VEPE_SOURCE_DIR "/tests/data/petr/") + name; }

// The public name of one of our tensors is made by replacing the first prefix that fits; then the leaf names.
inline std::string public_name(std::string name) {
  static const std::pair<const char*, const char*> kPrefixes[] = {
      {"encoder.level_embed", "bbox_head.transformer.level_embeds"},
      {"encoder.layers.", "bbox_head.transformer.encoder.layers."},
      {"proposals.memory_proj.", "bbox_head.transformer.enc_output."},
      {"proposals.memory_norm.", "bbox_head.transformer.enc_output_norm."},
      {"proposals.score.", "bbox_head.cls_branches.3."},
      {"proposals.keypoint_head.", "bbox_head.kpt_branches.3."},
      {"pose_decoder.query_embedding", "bbox_head.query_embedding.weight"},
      {"pose_decoder.layers.", "bbox_head.transformer.decoder.layers."},
      {"pose_decoder.score_heads.", "bbox_head.cls_branches."},
      {"pose_decoder.keypoint_heads.", "bbox_head.kpt_branches."},
      {"joint_decoder.query_embedding", "bbox_head.transformer.refine_query_embedding.weight"},
      {"joint_decoder.layers.", "bbox_head.transformer.refine_decoder.layers."},
      {"joint_decoder.keypoint_heads.", "bbox_head.refine_kpt_branches."},
      {"heatmap.encoder.layers.", "bbox_head.transformer.hm_encoder.layers."},
      {"heatmap.out.", "bbox_head.fc_hm."},
  };
  const bool decoder = name.find("decoder.layers.") != std::string::npos && name.find("encoder.") == std::string::npos;
  for (const auto& [ours, theirs] : kPrefixes) {
    if (name.rfind(ours, 0) == 0) {
      name = theirs + name.substr(std::string(ours).size());
      break;
    }
  }
  const auto replace = [&](const std::string& from, const std::string& to) {
    const std::size_t at = name.find(from);
    if (at != std::string::npos) name.replace(at, from.size(), to);
  };
  replace(".self_attn.", decoder ? ".attentions.0.attn." : ".attentions.0.");
  replace(".cross_attn.", ".attentions.1.");
  replace(".ffn.linear1.", ".ffns.0.layers.0.0.");
  replace(".ffn.linear2.", ".ffns.0.layers.1.");
  for (int i = 1; i <= 3; ++i) replace(".norm" + std::to_string(i) + ".", ".norms." + std::to_string(i - 1) + ".");
  if (name.rfind("backbone.", 0) == 0 || name.rfind("neck.", 0) == 0) return name;
  return name;
}

inline std::shared_ptr<SpatialModel> petr_model() {
  auto model = std::make_shared<SpatialModel>(load_model_config(petr_path("model.toml")));
  std::ifstream index_file(petr_path("petr_tiny.index.json")), checkpoint(petr_path("petr_tiny.pth"), std::ios::binary);
  const auto index = nlohmann::json::parse(index_file);
  NamedTensors state;
  for (const auto& [name, tensor] : state_of(*model)) {
    std::string original = public_name(name);
    if (name.rfind("backbone.", 0) == 0 || name.rfind("neck.", 0) == 0) original = name;
    const auto& entry = index.at(original);
    torch::Tensor value = torch::empty(entry.at("shape").get<std::vector<std::int64_t>>());
    checkpoint.seekg(entry.at("offset").get<std::int64_t>());
    checkpoint.read(static_cast<char*>(value.data_ptr()), static_cast<std::streamsize>(value.nbytes()));
    state[name] = value;
  }
  load_state(state_of(*model), state, "petr_tiny.pth");
  model->eval();
  return model;
}

}  // namespace vepe::model::golden
