#include "layers/place_map.hpp"

#include <algorithm>

namespace chainrule {

namespace {

// Rows of a target that have the same elements of the kernel, as runs; places of the source are offsets of values.
std::vector<LaneMap::Run> runs_of_rows(const std::vector<std::vector<LaneTerm>>& rows, size_t step) {
  const auto same_elements = [&](const std::vector<LaneTerm>& one, const std::vector<LaneTerm>& other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](const LaneTerm& a, const LaneTerm& b) { return a.a == b.a; });
  };
  std::vector<LaneMap::Run> runs;
  for (size_t remainder = 0; remainder < std::min(step, rows.size()); ++remainder) {
    for (size_t y = remainder; y < rows.size(); y += step) {
      if (y == remainder || !same_elements(rows[y], rows[y - step])) {
        runs.push_back({y, 1, 0, rows[y]});
      } else {
        runs.back().count += 1;
        if (!rows[y].empty()) runs.back().source_step = (rows[y][0].b - rows[y - step][0].b) / group_samples;
      }
    }
  }
  return runs;
}

}  // namespace

PlaceMap::PlaceMap(const ConvolutionShape& shape, const LaneMap& map)
    : each_channel_(shape.each_channel()),
      width_(map.target_row() / map.target_channels()),
      channels_(map.target_channels()),
      source_channels_(map.source().channels),
      groups_(shape.groups),
      weight_step_(each_channel_ ? 1 : map.weight_step()),
      weight_group_(shape.result_group()),
      row_step_(map.row_step()),
      column_step_(map.run_step()) {
  // A map lists an element of the kernel and a channel of the source by the offset of their weights.
  const size_t element = shape.image_group() * shape.result_channels;
  const size_t source_group = source_channels_ / groups_;
  const size_t channel = map.weight_step() == 1 ? shape.result_channels : 1;
  const auto in_values = [&](LaneMap::Run run) {
    for (LaneTerm& term : run.terms) {
      const size_t row = term.a / element * source_group + term.a % element / channel;
      term = {uint32_t(row * panel_width), uint32_t(term.b / group_samples)};
    }
    return run;
  };
  for (const LaneMap::Run& run : runs_of_rows(map.rows(), row_step_)) rows_.push_back(in_values(run));
  for (LaneMap::Run run : map.runs()) {
    run.source_step *= source_channels_;
    columns_.push_back(in_values(run));
  }
  for (size_t kernel = 0; kernel < shape.rows.kernel * shape.columns.kernel; ++kernel) {
    for (size_t c = 0; c < source_group; ++c) weight_offsets_.push_back(kernel * element + c * channel);
  }
  size_t of_rows = 0, of_columns = 0;
  for (const LaneMap::Run& run : rows_) of_rows += run.count * run.terms.size();
  for (const LaneMap::Run& run : columns_) of_columns += run.count * run.terms.size();
  work_ = of_rows * of_columns * parts() * whole_panels(part_channels());
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

// The places of a tile are next to each other in a row, or below each other where the columns of a run are few, as
// those at the border of an image.
template <class T>
void PlaceMap::compute(const T* source, const T* packed, const T* bias, T* target) const {
  const size_t across = column_step_ * channels_, down = row_step_ * width_ * channels_;
  for (const LaneMap::Run& rows : rows_) {
    for (const LaneMap::Run& columns : columns_) {
      T* const first = target + rows.first * width_ * channels_ + columns.first * channels_;
      const bool is_wide = columns.count >= rows.count;
      const LaneMap::Run& inner = is_wide ? columns : rows;
      const LaneMap::Run& outer = is_wide ? rows : columns;
      for (size_t i = 0; i < outer.count; ++i) {
        compute_run<T>({.source = source + i * outer.source_step,
                        .packed = packed,
                        .bias = bias,
                        .rows = &rows,
                        .columns = &columns,
                        .target = first + i * (is_wide ? down : across),
                        .count = inner.count,
                        .source_step = inner.source_step,
                        .target_step = is_wide ? across : down});
      }
    }
  }
}

template <class T>
void PlaceMap::compute_run(const RunOfPlaces<T>& run) const {
  const size_t source_part = source_channels_ / parts();
  for (size_t part = 0; part < parts(); ++part) {
    const size_t first = part * part_channels();
    kernels<T>().place_product({.a = run.packed + part * part_size(),
                                .a_panel = weight_offsets_.size() * panel_width,
                                .b = run.source + part * source_part,
                                .b_place = run.source_step,
                                .outer = run.rows->terms.data(),
                                .outer_count = run.rows->terms.size(),
                                .inner = run.columns->terms.data(),
                                .inner_count = run.columns->terms.size(),
                                .bias = run.bias == nullptr ? nullptr : run.bias + first,
                                .c = run.target + first,
                                .c_place = run.target_step,
                                .channels = part_channels(),
                                .places = run.count,
                                .each_channel = each_channel_});
  }
}

template void PlaceMap::pack(const float*, float*) const;
template void PlaceMap::pack(const double*, double*) const;
template void PlaceMap::compute(const float*, const float*, const float*, float*) const;
template void PlaceMap::compute(const double*, const double*, const double*, double*) const;

}  // namespace chainrule
