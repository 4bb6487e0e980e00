#pragma once

#include "model/temporal_outputs.h"

namespace vepe::model {

// Query propagation, beyond the paper: STPE and STPD refine what the key frame shows, so a person whom it does not show,
// for blur or somebody in front, stays lost although both neighbours see them. Such a person gets a query of their own.
//
// Pairs the kept queries of the frames before and after the key frame (each the nearest of the other, not far apart, and,
// where there are embeddings, with a cosine of at least `mask_threshold`) and returns one query for each pair halfway
// between whose poses `key` has nobody: the means of the two, index -1, best scores first; of a person seen twice only the
// better one. Track id that of both, or -1.
KeptQueries propagated_queries(const KeptQueries& before, const KeptQueries& key, const KeptQueries& after, double mask_threshold);

// The rows of `more` after those of `queries`.
KeptQueries joined(const KeptQueries& queries, const KeptQueries& more);

}  // namespace vepe::model
