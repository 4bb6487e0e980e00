#pragma once

#include <optional>

#include "synth/person.h"
#include "synth/raster.h"
#include "synth/scene.h"

namespace vepe::synth {

// Where a person's triangles lie in the draw list.
struct PersonSpan {
  std::size_t first_vertex = 0, end_vertex = 0;
};

// Labels of one person from its skeleton and the depth buffer of the whole scene. Nothing when fewer than three
// joints are in the picture, or none can be seen.
std::optional<AnnotatedPerson> annotate(std::uint16_t person, const Look& look, const Skeleton& skeleton, const Camera& camera,
                                        const View& view, const DrawList& list, PersonSpan span, const DepthBuffer& depth);

}  // namespace vepe::synth
