#include "layers/place_map.hpp"

#include <algorithm>

namespace chainrule {

PlaceMap::PlaceMap(const ConvolutionShape& shape, const LaneMap& map)
    : each_channel_(shape.groups > 1 && shape.image_group() == 1 && shape.result_group() == 1),
      width_(map.target_row() / map.target_channels()),
      channels_(map.target_channels()),
      source_channels_(map.source().channels),
      groups_(shape.groups),
      weight_step_(each_channel_ ? 1 : map.weight_step()),
      weight_group_(shape.result_group()),
      run_step_(map.run_step()) {
  // A map lists an element of the kernel and a channel of the source by the offset of their weights.
  const size_t element = shape.image_group() * shape.result_channels;
  const size_t source_group = source_channels_ / groups_;
  const size_t channel = map.weight_step() == 1 ? shape.result_channels : 1;
  const auto in_rows = [&](const LaneTerm& term) {
    const size_t row = term.a / element * source_group + term.a % element / channel;
    return LaneTerm{uint32_t(row * panel_width), uint32_t(term.b / group_samples)};
  };
  const auto all_in_rows = [&](const std::vector<LaneTerm>& terms) {
    std::vector<LaneTerm> converted(terms.size());
    std::transform(terms.begin(), terms.end(), converted.begin(), in_rows);
    return converted;
  };
  for (const std::vector<LaneTerm>& terms : map.rows()) rows_.push_back(all_in_rows(terms));
  for (const LaneMap::Run& run : map.runs()) {
    runs_.push_back({run.first, run.count, run.source_step, all_in_rows(run.terms)});
  }
  for (size_t kernel = 0; kernel < shape.rows.kernel * shape.columns.kernel; ++kernel) {
    for (size_t c = 0; c < source_group; ++c) weight_offsets_.push_back(kernel * element + c * channel);
  }
  size_t of_rows = 0, of_columns = 0;
  for (const std::vector<LaneTerm>& terms : rows_) of_rows += terms.size();
  for (const LaneMap::Run& run : runs_) of_columns += run.count * run.terms.size();
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

template <class T>
void PlaceMap::compute(const T* source, const T* packed, const T* bias, T* target) const {
  const size_t source_part = source_channels_ / parts();
  for (size_t y = 0; y < rows_.size(); ++y, target += width_ * channels_) {
    for (const LaneMap::Run& run : runs_) {
      for (size_t part = 0; part < parts(); ++part) {
        const size_t first = part * part_channels();
        kernels<T>().place_product({.a = packed + part * part_size(),
                                    .a_panel = weight_offsets_.size() * panel_width,
                                    .b = source + part * source_part,
                                    .b_place = run.source_step * source_channels_,
                                    .outer = rows_[y].data(),
                                    .outer_count = rows_[y].size(),
                                    .inner = run.terms.data(),
                                    .inner_count = run.terms.size(),
                                    .bias = bias + first,
                                    .c = target + run.first * channels_ + first,
                                    .c_place = run_step_ * channels_,
                                    .channels = part_channels(),
                                    .places = run.count,
                                    .each_channel = each_channel_});
      }
    }
  }
}

template void PlaceMap::pack(const float*, float*) const;
template void PlaceMap::pack(const double*, double*) const;
template void PlaceMap::compute(const float*, const float*, const float*, float*) const;
template void PlaceMap::compute(const double*, const double*, const double*, double*) const;

}  // namespace chainrule
