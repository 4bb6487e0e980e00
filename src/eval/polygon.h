#pragma once

#include "formats/pose_data.h"

namespace vepe::eval {

// True when the point lies strictly inside the polygon (even-odd rule); points on the border are outside. The side of
// an edge is decided with error-free products, so points exactly on an edge are found.
bool strictly_inside(const formats::Polygon& polygon, double x, double y);

}  // namespace vepe::eval
