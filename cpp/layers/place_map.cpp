#include "layers/place_map.hpp"

#include <algorithm>

namespace chainrule {

PlaceMap::PlaceMap(const ConvolutionShape& shape, const LaneMap& map)
    : each_channel_(shape.each_channel()),
      width_(map.target_row() / map.target_channels()),
      channels_(map.target_channels()),
      source_channels_(map.source().channels),
      source_row_(map.source().offset(1, 0)),
      groups_(shape.groups),
      weight_step_(each_channel_ ? 1 : map.weight_step()),
      weight_group_(shape.result_group()),
      element_(shape.image_group() * shape.result_channels),
      channel_(map.weight_step() == 1 ? shape.result_channels : 1),
      row_step_(map.row_step()),
      column_step_(map.run_step()) {
  list_rows(map.rows());
  list_columns(map.runs());
  for (size_t kernel = 0; kernel < shape.rows.kernel * shape.columns.kernel; ++kernel) {
    for (size_t c = 0; c < source_channels_ / groups_; ++c) {
      weight_offsets_.push_back(kernel * element_ + c * channel_);
    }
  }
  size_t of_rows = 0, of_columns = 0;
  for (const Run<LaneTerm>& run : rows_) of_rows += run.count * run.terms.size();
  for (const Run<PlaceTerms>& run : columns_) {
    for (const PlaceTerms& terms : run.terms) of_columns += run.count * terms.count;
  }
  work_ = of_rows * of_columns * parts() * whole_panels(part_channels());
}

// A map lists an element of the kernel and a channel of the source by the offset of their weights.
LaneTerm PlaceMap::in_values(const LaneTerm& term) const {
  const size_t row = term.a / element_ * (source_channels_ / groups_) + term.a % element_ / channel_;
  return {uint32_t(row * panel_width), uint32_t(term.b / group_samples)};
}

void PlaceMap::list_rows(const std::vector<std::vector<LaneTerm>>& rows) {
  const auto same_elements = [](const std::vector<LaneTerm>& one, const std::vector<LaneTerm>& other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](const LaneTerm& a, const LaneTerm& b) { return a.a == b.a; });
  };
  for (size_t remainder = 0; remainder < std::min(row_step_, rows.size()); ++remainder) {
    for (size_t y = remainder; y < rows.size(); y += row_step_) {
      if (y > remainder && same_elements(rows[y], rows[y - row_step_])) {
        rows_.back().count += 1;
        if (!rows[y].empty()) rows_.back().source_step = (rows[y][0].b - rows[y - row_step_][0].b) / group_samples;
        continue;
      }
      rows_.push_back({y, 1, 0, {}});
      for (const LaneTerm& term : rows[y]) rows_.back().terms.push_back(in_values(term));
    }
  }
}

// Terms that follow each other in the packed weights, at equal distances in the source, are in one entry.
void PlaceMap::list_columns(const std::vector<LaneMap::Run>& runs) {
  for (const LaneMap::Run& run : runs) {
    std::vector<PlaceTerms> entries;
    for (const LaneTerm& lane_term : run.terms) {
      const LaneTerm term = in_values(lane_term);
      if (!entries.empty()) {
        PlaceTerms& last = entries.back();
        const int32_t step = int32_t(term.b) - int32_t(last.b) - int32_t(last.count - 1) * last.b_step;
        if (term.a == last.a + last.count * panel_width && (last.count == 1 || step == last.b_step)) {
          last.b_step = step;
          last.count += 1;
          continue;
        }
      }
      entries.push_back({.a = term.a, .b = term.b, .count = 1, .b_step = 0});
    }
    columns_.push_back({run.first, run.count, run.source_step * source_channels_, std::move(entries)});
  }
}

template <class T>
void PlaceMap::pack(const T* weights, T* packed) const {
  for (size_t part = 0; part < parts(); ++part) {
    for (size_t first = 0; first < part_channels(); first += panel_width) {
      const size_t width = std::min(panel_width, part_channels() - first);
      const T* const from = weights + part * weight_group_ + first * weight_step_;
      for (const size_t offset : weight_offsets_) {
        if (weight_step_ == 1) {
          copy_panel(from + offset, packed, width);
        } else {
          for (size_t k = 0; k < width; ++k) packed[k] = from[offset + k * weight_step_];
        }
        packed += panel_width;
      }
    }
  }
}

namespace {

// The indices i of those of `count` targets first + i * step that are in a range.
Range indices_within(const Range& range, size_t first, size_t step, size_t count) {
  const auto before = [&](size_t end) { return end <= first ? 0 : std::min((end - first + step - 1) / step, count); };
  return {before(range.begin), before(range.end)};
}

}  // namespace

// The places of a tile are next to each other in a row, or below each other where the columns of a run are few, as
// those at the border of an image.
template <class T>
void PlaceMap::compute(const Source<T>& source, const T* packed, const T* bias, const Target<T>& target,
                       const Range& part) const {
  const size_t across = column_step_ * channels_, down = row_step_ * width_ * channels_;
  for (const Run<LaneTerm>& rows : rows_) {
    const Range within = indices_within(part, rows.first, row_step_, rows.count);
    if (within.size() == 0) continue;
    const T* const from = source.values + (within.begin * rows.source_step - source.first_row * source_row_);
    const size_t to = rows.first * width_ * channels_ + within.begin * down;
    for (const Run<PlaceTerms>& columns : columns_) {
      const bool is_wide = columns.count >= within.size();
      for (size_t group = 0; group < parts(); ++group) {
        const size_t first = group * part_channels(), at = to + columns.first * channels_ + first;
        kernels<T>().place_product({.a = packed + group * part_size(),
                                    .a_panel = weight_offsets_.size() * panel_width,
                                    .b = from + group * (source_channels_ / parts()),
                                    .b_down = is_wide ? rows.source_step : columns.source_step,
                                    .b_right = is_wide ? columns.source_step : rows.source_step,
                                    .outer = rows.terms.data(),
                                    .outer_count = rows.terms.size(),
                                    .inner = columns.terms.data(),
                                    .inner_count = columns.terms.size(),
                                    .bias = bias == nullptr ? nullptr : bias + first,
                                    .c = target.pre_activations + at,
                                    .activations = target.activations + at,
                                    .c_down = is_wide ? down : across,
                                    .c_right = is_wide ? across : down,
                                    .height = is_wide ? within.size() : columns.count,
                                    .width = is_wide ? columns.count : within.size(),
                                    .channels = part_channels(),
                                    .each_channel = each_channel_,
                                    .activation = target.activation});
      }
    }
  }
}

template void PlaceMap::pack(const float*, float*) const;
template void PlaceMap::pack(const double*, double*) const;
template void PlaceMap::compute(const Source<float>&, const float*, const float*, const Target<float>&,
                                const Range&) const;
template void PlaceMap::compute(const Source<double>&, const double*, const double*, const Target<double>&,
                                const Range&) const;

}  // namespace chainrule
