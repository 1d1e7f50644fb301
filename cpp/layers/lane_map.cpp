#include "layers/lane_map.hpp"

#include <algorithm>
#include <stdexcept>

namespace chainrule {

LaneMap::Axis LaneMap::correlate(const ConvolutionAxis& axis) {
  Phase all = {0, axis.result, {}};
  for (size_t k = 0; k < axis.kernel; ++k) all.taps.push_back({k, k * axis.dilation});
  const size_t reach = (axis.result - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
  return {1, axis.stride, {all}, axis.before, std::max(reach, axis.before + axis.image)};
}

LaneMap::Axis LaneMap::transpose(const ConvolutionAxis& axis) {
  // Place i meets result o = (i + before - k * dilation) / stride; o may lie outside, at most so far before it.
  const size_t before = ((axis.kernel - 1) * axis.dilation + axis.stride - 1) / axis.stride;
  Axis made = {axis.stride, 1, {}, before, before + axis.result};
  for (size_t first = 0; first < std::min(axis.stride, axis.image); ++first) {
    Phase phase = {first, (axis.image - first + axis.stride - 1) / axis.stride, {}};
    for (size_t k = 0; k < axis.kernel; ++k) {
      const size_t place = before * axis.stride + first + axis.before - k * axis.dilation;
      if (place % axis.stride != 0) continue;
      phase.taps.push_back({k, place / axis.stride});
      made.full = std::max(made.full, place / axis.stride + phase.count);
    }
    made.phases.push_back(phase);
  }
  return made;
}

LaneMap::LaneMap(const ConvolutionShape& shape, Direction direction) : groups_(shape.groups) {
  const bool correlates = direction == Direction::correlate;
  rows_ = correlates ? correlate(shape.rows) : transpose(shape.rows);
  columns_ = correlates ? correlate(shape.columns) : transpose(shape.columns);
  height_ = correlates ? shape.rows.result : shape.rows.image;
  width_ = correlates ? shape.columns.result : shape.columns.image;
  channels_ = correlates ? shape.result_channels : shape.image_channels;
  source_ = {correlates ? shape.rows.image : shape.rows.result,
             correlates ? shape.columns.image : shape.columns.result,
             correlates ? shape.image_channels : shape.result_channels,
             rows_.before,
             columns_.before,
             rows_.full,
             columns_.full};
  if (source_.full_size() > UINT32_MAX / group_samples) throw std::length_error("an image is too large");
  weight_step_ = correlates ? 1 : shape.result_channels;
  weight_group_ = shape.result_group();
  list_terms(shape, direction);
}

void LaneMap::list_terms(const ConvolutionShape& shape, Direction direction) {
  const size_t source_group = source_.channels / groups_;
  const size_t step = direction == Direction::correlate ? shape.result_channels : 1;
  for (const Phase& down : rows_.phases) {
    for (const Phase& right : columns_.phases) {
      std::vector<LaneTerm> terms;
      for (const Tap& ky : down.taps) {
        for (const Tap& kx : right.taps) {
          const size_t weight =
              (ky.kernel * shape.columns.kernel + kx.kernel) * shape.image_group() * shape.result_channels;
          const size_t value = source_.offset(ky.offset, kx.offset);
          for (size_t c = 0; c < source_group; ++c) {
            terms.push_back({uint32_t(weight + c * step), uint32_t((value + c) * group_samples)});
          }
        }
      }
      terms_.push_back(std::move(terms));
    }
  }
}

template <class T>
void LaneMap::compute_row(const T* source, const T* weights, const T* bias, size_t y, T* row) const {
  const size_t down = y % rows_.target_step, steps_down = y / rows_.target_step;
  const size_t target_group = channels_ / groups_, source_group = source_.channels / groups_;
  for (size_t right = 0; right < columns_.phases.size(); ++right) {
    const Phase& phase = columns_.phases[right];
    const std::vector<LaneTerm>& terms = terms_[down * columns_.phases.size() + right];
    const T* from = source + source_.offset(steps_down * rows_.source_step, 0) * group_samples;
    T* to = row + phase.first * channels_ * group_samples;
    for (size_t group = 0; group < groups_; ++group) {
      kernels<T>().lane_product(
          {weights + group * weight_group_, weight_step_, from + group * source_group * group_samples,
           columns_.source_step * source_.channels * group_samples, terms.data(), terms.size(),
           bias == nullptr ? nullptr : bias + group * target_group, to + group * target_group * group_samples,
           group_samples, columns_.target_step * channels_ * group_samples, target_group, phase.count});
    }
  }
}

template <class T>
void rows_to_lanes(T* values, size_t stride, size_t samples, const Bordered& image, const RowsOfGroup& rows, T* group) {
  const size_t row_size = image.width * image.channels;
  const bool whole = image.full_width == image.width;
  const size_t pieces = whole ? 1 : rows.end - rows.begin;
  const size_t size = whole ? (rows.end - rows.begin) * row_size : row_size;
  T* const first = values + rows.group * group_samples * stride + rows.begin * row_size;
  for (size_t i = 0; i < pieces; ++i) {
    const size_t at = image.offset(image.top + rows.begin + i, image.left);
    kernels<T>().to_lanes({first + i * row_size, stride, samples, group + at * group_samples, size});
  }
}

template void LaneMap::compute_row(const float*, const float*, const float*, size_t, float*) const;
template void LaneMap::compute_row(const double*, const double*, const double*, size_t, double*) const;
template void rows_to_lanes(float*, size_t, size_t, const Bordered&, const RowsOfGroup&, float*);
template void rows_to_lanes(double*, size_t, size_t, const Bordered&, const RowsOfGroup&, double*);

}  // namespace chainrule
