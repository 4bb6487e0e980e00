#pragma once

#include "ops/deform_attn_sizes.h"

namespace vepe::ops {

// Deformable attention in plain loops: what the kernel is compared with, and the form used for double. The formula and
// the conventions (half-pixel centres, zero outside, nothing from a location that is not finite) are in deform_attn.h.
// T is float or double; every output is overwritten.
template <typename T>
void deform_attn_reference_forward(const DeformAttnSizes& sizes, const T* value, const T* locations, const T* weights, T* output);

template <typename T>
void deform_attn_reference_backward(const DeformAttnSizes& sizes, const T* value, const T* locations, const T* weights,
                                    const T* grad_output, T* grad_value, T* grad_locations, T* grad_weights);

}  // namespace vepe::ops
