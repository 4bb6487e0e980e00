#include "model/small_trunk.h"

#include "core/error.h"

namespace vepe::model {
namespace {

namespace F = torch::nn::functional;

struct BlockSpec {
  std::int64_t in, expand, out, stride;  // expand = 0: none
};
constexpr BlockSpec kBlocks[] = {
    {48, 0, 24, 1},     {24, 144, 40, 2},   {40, 240, 40, 1},    {40, 240, 48, 2},    {48, 288, 48, 1},    {48, 288, 48, 1},
    {48, 288, 96, 2},   {96, 576, 96, 1},   {96, 576, 96, 1},    {96, 576, 96, 1},    {96, 576, 144, 1},   {144, 864, 144, 1},
    {144, 864, 144, 1}, {144, 864, 240, 2}, {240, 1440, 240, 1}, {240, 1440, 240, 1}, {240, 1440, 480, 1},
};

struct MapSpec {
  const char* name;
  std::int64_t channels, stride;
};
constexpr MapSpec kMaps[] = {
    {"block2", 40, 4},  {"block5", 48, 8}, {"block9", 96, 16}, {"block12", 144, 16}, {"block16", 480, 32},
    {"last", 1280, 32}, {"p4", 24, 4},     {"p8", 24, 8},      {"p16", 32, 16},
};

torch::nn::Conv2d conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t groups = 1, bool bias = true) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).groups(groups).bias(bias));
}

// ReLU6 in place with a backward pass from its output, which bf16 needs (LibTorch has none for its own ReLU6 there).
// The convolution before it does not need its output for the backward pass.
struct Relu6 : torch::autograd::Function<Relu6> {
  static Tensor forward(torch::autograd::AutogradContext* context, Tensor x) {
    at::hardtanh_(x, 0, 6);
    context->mark_dirty({x});
    context->save_for_backward({x});
    return x;
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list gradients) {
    const Tensor output = context->get_saved_variables()[0];
    return {at::threshold_backward(gradients[0], output, 0).masked_fill_(output.ge(6), 0)};
  }
};
Tensor clip6(Tensor x) { return x.requires_grad() && at::GradMode::is_enabled() ? Relu6::apply(x) : at::hardtanh_(x, 0, 6); }
Tensor rectify(Tensor x) { return at::relu_(x); }

// Doubles a map with bilinear interpolation at half-pixel centres.
Tensor upsample2(const Tensor& x) { return at::upsample_bilinear2d(x, {x.size(2) * 2, x.size(3) * 2}, /*align_corners=*/false); }

const MapSpec& spec(const std::string& map) {
  for (const MapSpec& candidate : kMaps) {
    if (map == candidate.name) return candidate;
  }
  throw Error(ErrorCode::kUsage, "neck.inputs", "unknown map " + map);
}

}  // namespace

std::int64_t SmallTrunk::channels(const std::string& map) { return spec(map).channels; }
std::int64_t SmallTrunk::stride(const std::string& map) { return spec(map).stride; }

SmallTrunk::SmallTrunk(std::int64_t keypoints) {
  auto trunk = register_module("trunk", std::make_shared<torch::nn::Module>());
  const auto folder = [](torch::nn::Module& parent, const std::string& name) {
    return parent.register_module(name, std::make_shared<torch::nn::Module>());
  };
  stem_ = folder(*trunk, "stem")->register_module("conv", conv(3, 48, 3));
  for (std::size_t i = 0; i < std::size(kBlocks); ++i) {
    const BlockSpec& s = kBlocks[i];
    auto module = folder(*trunk, "block" + std::to_string(i));
    Block block;
    const std::int64_t hidden = s.expand ? s.expand : s.in;
    if (s.expand) block.expand = module->register_module("expand", conv(s.in, s.expand, 1));
    block.depthwise = module->register_module("depthwise", conv(hidden, hidden, 3, hidden));
    block.project = module->register_module("project", conv(hidden, s.out, 1));
    block.stride = s.stride;
    block.residual = s.expand && s.stride == 1 && s.in == s.out;
    blocks_.push_back(block);
  }
  last_ = folder(*trunk, "last")->register_module("conv", conv(480, 1280, 1));

  auto fpn = register_module("fpn", std::make_shared<torch::nn::Module>());
  const std::pair<const char*, std::pair<std::int64_t, std::int64_t>> laterals[] = {
      {"lateral32", {1280, 64}}, {"lateral16", {96, 64}}, {"lateral8", {48, 32}}, {"lateral4", {40, 24}}};
  for (const auto& [name, size] : laterals) laterals_.emplace(name, fpn->register_module(name, conv(size.first, size.second, 1)));
  const std::pair<const char*, std::pair<std::int64_t, std::int64_t>> smooths[] = {
      {"smooth16", {64, 32}}, {"smooth8", {32, 24}}, {"smooth4", {24, 24}}};
  for (const auto& [name, size] : smooths) {
    auto module = folder(*fpn, name);
    Smooth smooth;
    smooth.depthwise = module->register_module("depthwise", conv(size.first, size.first, 3, size.first, false));
    smooth.pointwise = module->register_module("pointwise", conv(size.first, size.second, 1));
    smooths_.emplace(name, smooth);
  }

  auto head = register_module("head", std::make_shared<torch::nn::Module>());
  const std::pair<const char*, std::int64_t> heads[] = {{"center", 1},
                                                        {"kpt_regression", 2 * keypoints},
                                                        {"kpt_heatmap", keypoints},
                                                        {"kpt_offset", 2 * keypoints},
                                                        {"box_size", 2},
                                                        {"box_offset", 2}};
  for (const auto& [name, outputs] : heads) {
    auto module = folder(*head, name);
    Head h;
    h.depthwise = module->register_module("depthwise", conv(24, 24, 3, 24, false));
    h.pointwise = module->register_module("pointwise", conv(24, 96, 1));
    h.out = module->register_module("out", conv(96, outputs, 1));
    heads_.emplace(name, h);
  }
}

// SAME padding as TensorFlow's; weights are cast to the compute type on the fly when they are kept in another one
// (training keeps fp32 weights and differentiates through the cast).
Tensor SmallTrunk::convolve(const torch::nn::Conv2d& conv, const Tensor& x, std::int64_t stride) const {
  const auto cast = [&](const Tensor& t) { return t.defined() && t.scalar_type() != compute_type_ ? t.to(compute_type_) : t; };
  const std::int64_t kernel = conv->weight.size(2), groups = conv->options.groups();
  // oneDNN spreads sums over many channels among the threads, so that results depend on how many there are. A product of
  // matrices does not, and takes the same time.
  constexpr std::int64_t kLongSum = 256;
  if (kernel == 1 && groups == 1 && stride == 1 && conv->weight.size(1) >= kLongSum && compute_type_ == torch::kFloat) {
    const Tensor rows = at::linear(x.permute({0, 2, 3, 1}), cast(conv->weight).flatten(1), cast(conv->bias));
    return rows.permute({0, 3, 1, 2});
  }
  Tensor input = x;
  std::int64_t padding = kernel / 2;
  if (stride == 2) {
    input = at::constant_pad_nd(x, {0, 1, 0, 1});
    padding = 0;
  }
  return at::conv2d(input, cast(conv->weight), cast(conv->bias), stride, padding, 1, groups);
}

Tensor SmallTrunk::run(const Block& block, const Tensor& x) const {
  Tensor y = x;
  if (!block.expand.is_empty()) y = clip6(convolve(block.expand, y));
  y = clip6(convolve(block.depthwise, y, block.stride));
  y = convolve(block.project, y);
  return block.residual ? x + y : y;
}

Tensor SmallTrunk::run(const Smooth& smooth, const Tensor& x) const {
  return rectify(convolve(smooth.pointwise, convolve(smooth.depthwise, x)));
}

Tensor SmallTrunk::head(const std::string& name, const Tensor& p4) {
  const Head& h = heads_.at(name);
  // The last layer is computed in fp32: offsets reach across the picture, and bf16 would round them to whole cells.
  const Tensor hidden = rectify(convolve(h.pointwise, convolve(h.depthwise, p4))).to(torch::kFloat);
  return at::conv2d(hidden, h.out->weight, h.out->bias);
}

void SmallTrunk::use_bfloat16() {
  std::map<std::string, std::vector<Tensor>> exact;
  for (auto& [name, h] : heads_) exact[name] = {h.out->weight.detach(), h.out->bias.detach()};
  to(torch::kBFloat16);
  for (auto& [name, h] : heads_) {
    h.out->weight.set_data(exact.at(name)[0]);
    h.out->bias.set_data(exact.at(name)[1]);
  }
  compute_type_ = torch::kBFloat16;
}

SmallTrunk::Features SmallTrunk::forward(const Tensor& image, bool with_heads, Stages* stages) {
  TORCH_CHECK(image.size(2) % 32 == 0 && image.size(3) % 32 == 0, "the small trunk needs sides that are multiples of 32");
  Features features;
  Tensor x = image.to(compute_type_).contiguous(at::MemoryFormat::ChannelsLast);
  x = clip6(convolve(stem_, x, 2));
  record(stages, "stem", x);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    x = run(blocks_[i], x);
    const std::string name = "block" + std::to_string(i);
    record(stages, name, x);
    if (i == 2 || i == 5 || i == 9 || i == 12 || i == 16) features.maps[name] = x;
  }
  x = clip6(convolve(last_, x));
  features.maps["last"] = x;
  record(stages, "last", x);

  const Tensor l32 = convolve(laterals_.at("lateral32"), x), l16 = convolve(laterals_.at("lateral16"), features.maps["block9"]),
               l8 = convolve(laterals_.at("lateral8"), features.maps["block5"]),
               l4 = convolve(laterals_.at("lateral4"), features.maps["block2"]);
  const Tensor p16 = run(smooths_.at("smooth16"), upsample2(l32) + l16);
  const Tensor p8 = run(smooths_.at("smooth8"), upsample2(p16) + l8);
  const Tensor p4 = run(smooths_.at("smooth4"), upsample2(p8) + l4);
  features.maps["p16"] = p16;
  features.maps["p8"] = p8;
  features.maps["p4"] = p4;
  const std::pair<const char*, const Tensor*> pyramid[] = {
      {"lateral32", &l32}, {"lateral16", &l16}, {"lateral8", &l8}, {"lateral4", &l4}, {"p16", &p16}, {"p8", &p8}, {"p4", &p4}};
  for (const auto& [name, tensor] : pyramid) record(stages, name, *tensor);

  if (with_heads) {
    features.dense = {head("center", p4),     head("kpt_regression", p4), head("kpt_heatmap", p4),
                      head("kpt_offset", p4), head("box_size", p4),       head("box_offset", p4)};
    const DenseHeads& d = features.dense;
    const std::pair<const char*, const Tensor*> outputs[] = {
        {"head.center", &d.center},           {"head.kpt_regression", &d.kpt_regression},
        {"head.kpt_heatmap", &d.kpt_heatmap}, {"head.kpt_offset", &d.kpt_offset},
        {"head.box_size", &d.box_size},       {"head.box_offset", &d.box_offset}};
    for (const auto& [name, tensor] : outputs) record(stages, name, *tensor);
  }
  return features;
}

}  // namespace vepe::model
