#include "model/make_backbone.h"

#include "core/error.h"
#include "model/backbone/hrnet.h"
#include "model/backbone/resnet.h"
#include "model/backbone/swin.h"

namespace vepe::model {

std::shared_ptr<Backbone> make_backbone(const BackboneConfig& config) {
  if (config.type.starts_with("resnet")) {
    ResNetConfig resnet;
    resnet.depth = std::stoi(config.type.substr(6));
    resnet.base_channels = config.base_channels;
    resnet.stem_channels = config.base_channels;
    resnet.frozen_stages = config.frozen_stages;
    return make_resnet(resnet);
  }
  if (config.type.starts_with("hrnet_w")) {
    HRNetConfig hrnet;
    hrnet.width = std::stoi(config.type.substr(7));
    return make_hrnet(hrnet);
  }
  if (config.type == "swin_l") return make_swin(SwinConfig{});
  throw Error(ErrorCode::kUsage, "backbone.type", "this build has no backbone " + config.type);
}

}  // namespace vepe::model
