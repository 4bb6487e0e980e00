#include "eval/box_tracking.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "eval/numeric.h"

namespace vepe::eval {
namespace {

// Dense track numbers of a sequence and its frames in the form that HOTA works on; similarity = IoU.
struct DenseFrames {
  std::vector<HotaFrame> frames;
  std::vector<std::int64_t> gt_ids, predicted_ids;  // by dense number
};

std::vector<int> dense(const std::vector<TrackedBox>& boxes, std::unordered_map<std::int64_t, int>& index,
                       std::vector<std::int64_t>& ids) {
  std::vector<int> numbers;
  for (const auto& box : boxes) {
    const auto [place, is_new] = index.try_emplace(box.id, static_cast<int>(index.size()));
    if (is_new) ids.push_back(box.id);
    numbers.push_back(place->second);
  }
  return numbers;
}

DenseFrames make_dense(const BoxSequence& sequence) {
  DenseFrames result;
  std::unordered_map<std::int64_t, int> gt_index, predicted_index;
  for (const BoxFrame& frame : sequence.frames) {
    HotaFrame& f = result.frames.emplace_back();
    f.gt = dense(frame.gt, gt_index, result.gt_ids);
    f.predictions = dense(frame.predictions, predicted_index, result.predicted_ids);
    for (const auto& g : frame.gt) {
      for (const auto& p : frame.predictions) f.similarities.push_back(box_iou(g.box, p.box));
    }
  }
  return result;
}

// py-motmetrics: events, and per object the history of hits and misses.
void count_motmetrics(const DenseFrames& dense, double min_iou, BoxCounts& counts) {
  ClearAccumulator accumulator;
  std::vector<std::vector<char>> history(dense.gt_ids.size());  // 1 = tracked, for each frame with the object
  std::vector<double> distances;
  std::vector<std::int64_t> objects, hypotheses;
  for (const HotaFrame& f : dense.frames) {
    distances.clear();
    for (double iou : f.similarities) distances.push_back(1 - iou > 1 - min_iou ? kNan : 1 - iou);
    objects.assign(f.gt.begin(), f.gt.end());
    hypotheses.assign(f.predictions.begin(), f.predictions.end());
    accumulator.add_frame(objects, hypotheses, distances);
    for (std::size_t g = 0; g < f.gt.size(); ++g) history[f.gt[g]].push_back(accumulator.last_matches()[g] >= 0);
  }
  counts.clear = accumulator.counts();
  for (const auto& hits : history) {
    const double ratio = static_cast<double>(std::count(hits.begin(), hits.end(), 1)) / static_cast<double>(hits.size());
    ++(ratio >= 0.8 ? counts.mostly_tracked : ratio >= 0.2 ? counts.partially_tracked : counts.mostly_lost);
    const auto first = std::find(hits.begin(), hits.end(), 1);
    const auto last = std::find(hits.rbegin(), hits.rend(), 1).base();
    for (auto hit = first; hit < last; ++hit) counts.fragmentations += hit != first && !*hit && *(hit - 1);
  }
}

void count_identity(const DenseFrames& dense, double min_iou, BoxCounts& counts) {
  const std::size_t G = dense.gt_ids.size(), P = dense.predicted_ids.size();
  std::vector<double> together(G * P, 0);
  for (const HotaFrame& f : dense.frames) {
    for (std::size_t g = 0; g < f.gt.size(); ++g) {
      for (std::size_t p = 0; p < f.predictions.size(); ++p) {
        if (f.similarities[g * f.predictions.size() + p] >= min_iou) --together[f.gt[g] * P + f.predictions[p]];
      }
    }
  }
  const std::vector<int> prediction_of = linear_assignment(together, G, P);
  for (std::size_t g = 0; g < G; ++g) {
    if (prediction_of[g] >= 0) counts.identity.tp -= static_cast<std::int64_t>(together[g * P + prediction_of[g]]);
  }
  counts.identity.fn = counts.gt_boxes - counts.identity.tp;
  counts.identity.fp = counts.predicted_boxes - counts.identity.tp;
}

void count_trackeval_clear(const DenseFrames& dense, double min_iou, TrackEvalClear& c) {
  const std::size_t G = dense.gt_ids.size();
  std::vector<int> last_ever(G, -1), last_frame(G, -1), present(G, 0), hit(G, 0), starts(G, 0);
  LinearAssignment solver;
  std::vector<double> cost;
  for (const HotaFrame& f : dense.frames) {
    ++c.frames;
    const std::size_t P = f.predictions.size();
    for (int g : f.gt) ++present[g];
    if (f.gt.empty() || P == 0) {  // leaves the memory of the frame before
      c.fn += static_cast<std::int64_t>(f.gt.size());
      c.fp += static_cast<std::int64_t>(P);
      continue;
    }
    cost.assign(f.similarities.size(), 0);
    for (std::size_t i = 0; i < cost.size(); ++i) {
      const bool kept = last_frame[f.gt[i / P]] == f.predictions[i % P];
      if (f.similarities[i] >= min_iou - kEpsilon) cost[i] = -(f.similarities[i] + (kept ? 1000 : 0));
    }
    const std::vector<int>& prediction_of = solver.solve(cost, f.gt.size(), P);
    std::vector<int> now(G, -1);
    std::int64_t matched = 0;
    for (std::size_t g = 0; g < f.gt.size(); ++g) {
      const int p = prediction_of[g];
      if (p < 0 || -cost[g * P + p] <= kEpsilon) continue;
      const int track = f.gt[g], id = f.predictions[p];
      c.switches += last_ever[track] >= 0 && last_ever[track] != id;
      last_ever[track] = now[track] = id;
      ++hit[track];
      ++matched;
      c.similarity += f.similarities[g * P + p];
    }
    for (std::size_t g = 0; g < G; ++g) starts[g] += last_frame[g] < 0 && now[g] >= 0;
    last_frame = now;
    c.tp += matched;
    c.fn += static_cast<std::int64_t>(f.gt.size()) - matched;
    c.fp += static_cast<std::int64_t>(P) - matched;
  }
  for (std::size_t g = 0; g < G; ++g) {
    const double ratio = static_cast<double>(hit[g]) / present[g];
    ++(ratio > 0.8 ? c.mostly_tracked : ratio >= 0.2 ? c.partly_tracked : c.mostly_lost);
    c.fragments += std::max(0, starts[g] - 1);
  }
}

HotaCurves box_hota(const DenseFrames& dense) {
  const int G = static_cast<int>(dense.gt_ids.size()), P = static_cast<int>(dense.predicted_ids.size());
  HotaAccumulator accumulator(G, P);
  const std::vector<double> weights = track_alignment(dense.frames, G, P);
  LinearAssignment solver;
  for (const HotaFrame& f : dense.frames) accumulator.add_frame(f.gt, f.predictions, assign_frame(f, weights, P, solver));
  return accumulator.result();
}

std::vector<TrackedBox> take_boxes(const formats::Frame& frame, const std::string& owner, bool gt,
                                   std::vector<formats::Skipped>* skipped) {
  std::vector<TrackedBox> boxes;
  std::unordered_set<std::int64_t> ids;
  for (const auto& person : frame.persons) {
    if (gt && person.score.value_or(1) < 1) continue;
    std::string defect;
    if (!person.track_id)
      defect = "a box has no track id";
    else if (!person.bbox)
      defect = "a track has no box";
    else if (!std::isfinite(person.bbox->x) || !std::isfinite(person.bbox->y) || !std::isfinite(person.bbox->width) ||
             !std::isfinite(person.bbox->height))
      defect = "a box is not finite";
    else if (!ids.insert(*person.track_id).second)
      defect = "id " + std::to_string(*person.track_id) + " stands twice";
    if (defect.empty()) {
      boxes.push_back({*person.track_id, *person.bbox});
      continue;
    }
    const std::string where = owner + ": frame " + std::to_string(frame.index + 1);
    if (!skipped) throw Error(ErrorCode::kInput, where, defect, "correct the file, or pass --lenient to leave the box out");
    skipped->push_back({where, defect + "; box left out"});
  }
  return boxes;
}

double ratio(double a, double b) { return a / std::max(1.0, b); }

}  // namespace

double box_iou(const formats::Box& a, const formats::Box& b) {
  const double ax2 = a.x + a.width, ay2 = a.y + a.height, bx2 = b.x + b.width, by2 = b.y + b.height;
  const double w = std::max(0.0, std::min(ax2, bx2) - std::max(a.x, b.x));
  const double h = std::max(0.0, std::min(ay2, by2) - std::max(a.y, b.y));
  const double both = w * h;
  const double either = (ax2 - a.x) * (ay2 - a.y) + (bx2 - b.x) * (by2 - b.y) - both;
  return both > 0 ? both / either : 0;
}

BoxSequence load_boxes(const formats::Sequence& gt, const formats::Sequence& predictions, std::vector<formats::Skipped>* skipped) {
  BoxSequence result{.name = gt.name};
  std::int64_t last = -1;
  for (const auto* side : {&gt, &predictions}) {
    for (const auto& frame : side->frames) last = std::max(last, frame.index);
  }
  if (last >= 10'000'000)
    throw Error(ErrorCode::kInput, gt.name, "frame number " + std::to_string(last + 1) + " is not plausible",
                "number frames from 1");
  result.frames.resize(static_cast<std::size_t>(last + 1));
  for (const auto& frame : gt.frames)
    result.frames.at(frame.index).gt = take_boxes(frame, "ground truth " + gt.name, true, skipped);
  for (const auto& frame : predictions.frames) {
    result.frames.at(frame.index).predictions = take_boxes(frame, "predictions " + predictions.name, false, skipped);
  }
  return result;
}

BoxCounts evaluate_boxes(const BoxSequence& sequence, double min_iou) {
  const DenseFrames dense = make_dense(sequence);
  BoxCounts counts;
  counts.gt_ids = static_cast<std::int64_t>(dense.gt_ids.size());
  counts.predicted_ids = static_cast<std::int64_t>(dense.predicted_ids.size());
  for (const HotaFrame& f : dense.frames) {
    counts.gt_boxes += static_cast<std::int64_t>(f.gt.size());
    counts.predicted_boxes += static_cast<std::int64_t>(f.predictions.size());
  }
  count_motmetrics(dense, min_iou, counts);
  count_identity(dense, min_iou, counts);
  count_trackeval_clear(dense, min_iou, counts.trackeval);
  counts.hota = box_hota(dense);
  return counts;
}

BoxCounts combine_boxes(std::span<const BoxCounts> sequences) {
  BoxCounts t;
  std::vector<const HotaCurves*> hota;
  for (const BoxCounts& s : sequences) {
    t.clear += s.clear;
    for (auto field :
         {&BoxCounts::fragmentations, &BoxCounts::mostly_tracked, &BoxCounts::partially_tracked, &BoxCounts::mostly_lost,
          &BoxCounts::gt_boxes, &BoxCounts::predicted_boxes, &BoxCounts::gt_ids, &BoxCounts::predicted_ids}) {
      t.*field += s.*field;
    }
    for (auto field : {&IdentityCounts::tp, &IdentityCounts::fn, &IdentityCounts::fp}) t.identity.*field += s.identity.*field;
    using C = TrackEvalClear;
    for (auto field : {&C::tp, &C::fn, &C::fp, &C::switches, &C::fragments, &C::frames, &C::mostly_tracked, &C::partly_tracked,
                       &C::mostly_lost}) {
      t.trackeval.*field += s.trackeval.*field;
    }
    t.trackeval.similarity += s.trackeval.similarity;
    hota.push_back(&s.hota);
  }
  t.hota = combine_hota(hota);
  return t;
}

NamedValues motmetrics_values(const BoxCounts& b) {
  const ClearCounts& c = b.clear;
  const double objects = static_cast<double>(c.objects()), detections = static_cast<double>(c.detections());
  const double predicted = static_cast<double>(b.predicted_boxes), idtp = static_cast<double>(b.identity.tp);
  const auto share = [](double a, double n) { return n == 0 ? kNan : a / n; };
  return {{"idf1", share(2 * idtp, objects + predicted)},
          {"idp", share(idtp, predicted)},
          {"idr", share(idtp, objects)},
          {"recall", share(detections, objects)},
          {"precision", share(detections, detections + static_cast<double>(c.false_positives))},
          {"num_unique_objects", static_cast<double>(b.gt_ids)},
          {"mostly_tracked", static_cast<double>(b.mostly_tracked)},
          {"partially_tracked", static_cast<double>(b.partially_tracked)},
          {"mostly_lost", static_cast<double>(b.mostly_lost)},
          {"num_false_positives", static_cast<double>(c.false_positives)},
          {"num_misses", static_cast<double>(c.misses)},
          {"num_switches", static_cast<double>(c.switches)},
          {"num_fragmentations", static_cast<double>(b.fragmentations)},
          {"mota", 1 - share(static_cast<double>(c.misses + c.switches + c.false_positives), objects)},
          {"motp", share(c.matched_distance, detections)},
          {"num_transfer", static_cast<double>(c.transfers)},
          {"num_ascend", static_cast<double>(c.ascends)},
          {"num_migrate", static_cast<double>(c.migrates)},
          {"num_objects", objects},
          {"num_matches", static_cast<double>(c.matches)},
          {"num_detections", detections},
          {"num_predictions", predicted}};
}

NamedValues trackeval_values(const BoxCounts& b) {
  const HotaCurves& h = b.hota;
  NamedValues v;
  for (const auto& [name, curve] : hota_fields(h)) {
    const std::string field = name;
    if (field == "FragA" || field.starts_with("FA-")) continue;  // PoseTrack21's own
    v.emplace_back(field == "RHOTA" ? "OWTA" : field, mean(*curve));
  }
  v.emplace_back("HOTA(0)", h.hota[0]);
  v.emplace_back("LocA(0)", h.loc_a[0]);
  v.emplace_back("HOTALocA(0)", h.hota_loc_a0);

  const TrackEvalClear& c = b.trackeval;
  const double tp = static_cast<double>(c.tp), fn = static_cast<double>(c.fn), fp = static_cast<double>(c.fp);
  const double switches = static_cast<double>(c.switches), tracks = static_cast<double>(b.gt_ids);
  const double log_switches = c.switches > 0 ? std::log10(switches) : 0;
  v.insert(v.end(), {{"MOTA", ratio(tp - fp - switches, tp + fn)},
                     {"MOTP", ratio(c.similarity, tp)},
                     {"MODA", ratio(tp - fp, tp + fn)},
                     {"CLR_Re", ratio(tp, tp + fn)},
                     {"CLR_Pr", ratio(tp, tp + fp)},
                     {"MTR", ratio(static_cast<double>(c.mostly_tracked), tracks)},
                     {"PTR", ratio(static_cast<double>(c.partly_tracked), tracks)},
                     {"MLR", ratio(static_cast<double>(c.mostly_lost), tracks)},
                     {"sMOTA", ratio(c.similarity - fp - switches, tp + fn)},
                     {"CLR_F1", ratio(tp, tp + 0.5 * fn + 0.5 * fp)},
                     {"FP_per_frame", ratio(fp, static_cast<double>(c.frames))},
                     {"MOTAL", ratio(tp - fp - log_switches, tp + fn)},
                     {"MOTP_sum", c.similarity},
                     {"CLR_TP", tp},
                     {"CLR_FN", fn},
                     {"CLR_FP", fp},
                     {"IDSW", switches},
                     {"MT", static_cast<double>(c.mostly_tracked)},
                     {"PT", static_cast<double>(c.partly_tracked)},
                     {"ML", static_cast<double>(c.mostly_lost)},
                     {"Frag", static_cast<double>(c.fragments)},
                     {"CLR_Frames", static_cast<double>(c.frames)}});

  const double idtp = static_cast<double>(b.identity.tp), idfn = static_cast<double>(b.identity.fn),
               idfp = static_cast<double>(b.identity.fp);
  v.insert(v.end(), {{"IDF1", ratio(idtp, idtp + 0.5 * idfp + 0.5 * idfn)},
                     {"IDR", ratio(idtp, idtp + idfn)},
                     {"IDP", ratio(idtp, idtp + idfp)},
                     {"IDTP", idtp},
                     {"IDFN", idfn},
                     {"IDFP", idfp},
                     {"Dets", static_cast<double>(b.predicted_boxes)},
                     {"GT_Dets", static_cast<double>(b.gt_boxes)},
                     {"IDs", static_cast<double>(b.predicted_ids)},
                     {"GT_IDs", static_cast<double>(b.gt_ids)}});
  return v;
}

NamedValues mot_summary(const BoxCounts& counts) {
  const NamedValues all = trackeval_values(counts);
  const auto get = [&](const std::string& name) {
    return std::find_if(all.begin(), all.end(), [&](const auto& v) { return v.first == name; })->second;
  };
  NamedValues summary;
  for (const char* name : {"MOTA", "MOTP", "IDF1", "IDP", "IDR", "IDSW"}) summary.emplace_back(name, get(name));
  summary.emplace_back("FP", get("CLR_FP"));
  summary.emplace_back("FN", get("CLR_FN"));
  for (const char* name : {"Frag", "HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "MT", "PT", "ML"}) {
    summary.emplace_back(name, get(name));
  }
  return summary;
}

}  // namespace vepe::eval
