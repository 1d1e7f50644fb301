#include "layers/lane_map.hpp"

#include <algorithm>
#include <stdexcept>

namespace chainrule {

namespace {

// The size of an axis of the image with its border.
size_t full_image(const ConvolutionAxis& axis) {
  const size_t covered = (axis.result - 1) * axis.stride + axis.reach() + 1;
  return std::max(covered, axis.before + axis.image);
}

}  // namespace

bool ConvolutionShape::sums_by_places(bool transposed) const {
  const auto fills_lanes = [](size_t channels) { return 4 * channels >= 3 * whole_panels(channels); };
  const bool all_lanes = each_channel() ? fills_lanes(result_channels)
                                        : fills_lanes(result_group()) && (!transposed || fills_lanes(image_group()));
  return all_lanes && image_size() + result_size() >= tuning::fewest_values_by_places;
}

std::vector<LaneMap::Taps> LaneMap::correlate(const ConvolutionAxis& axis) {
  std::vector<Taps> targets(axis.result);
  for (size_t o = 0; o < axis.result; ++o) {
    for (size_t k = 0; k < axis.kernel; ++k) targets[o].push_back({k, o * axis.stride + k * axis.dilation});
  }
  return targets;
}

std::vector<LaneMap::Taps> LaneMap::transpose(const ConvolutionAxis& axis) {
  std::vector<Taps> targets(axis.image);
  for (size_t k = 0; k < axis.kernel; ++k) {
    for (size_t o = 0; o < axis.result; ++o) {
      const size_t place = o * axis.stride + k * axis.dilation;
      if (place >= axis.before && place - axis.before < axis.image) targets[place - axis.before].push_back({k, o});
    }
  }
  return targets;
}

LaneMap::LaneMap(const ConvolutionShape& shape, Direction direction) : groups_(shape.groups) {
  const bool correlates = direction == Direction::correlate;
  const ConvolutionAxis &rows = shape.rows, &columns = shape.columns;
  height_ = correlates ? rows.result : rows.image;
  width_ = correlates ? columns.result : columns.image;
  channels_ = correlates ? shape.result_channels : shape.image_channels;
  source_ = correlates
                ? Bordered{rows.image,     columns.image,    shape.image_channels, rows.before,
                           columns.before, full_image(rows), full_image(columns)}
                : Bordered{rows.result, columns.result, shape.result_channels, 0, 0, rows.result, columns.result};
  if (source_.full_size() > UINT32_MAX / group_samples) throw std::length_error("an image is too large");
  weight_step_ = correlates ? 1 : shape.result_channels;
  weight_group_ = shape.result_group();
  run_step_ = correlates ? 1 : columns.stride;
  row_step_ = correlates ? 1 : rows.stride;
  list_terms(shape, direction);
}

void LaneMap::list_terms(const ConvolutionShape& shape, Direction direction) {
  const bool correlates = direction == Direction::correlate;
  const size_t element = shape.image_group() * shape.result_channels;
  for (const Taps& taps : correlates ? correlate(shape.rows) : transpose(shape.rows)) {
    rows_.emplace_back();
    for (const Tap& tap : taps) {
      rows_.back().push_back({uint32_t(tap.kernel * shape.columns.kernel * element),
                              uint32_t(source_.offset(tap.source, 0) * group_samples)});
    }
  }
  const std::vector<Taps> columns = correlates ? correlate(shape.columns) : transpose(shape.columns);
  const auto same_elements = [](const Taps& a, const Taps& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const Tap& one, const Tap& other) { return one.kernel == other.kernel; });
  };
  const size_t channel = correlates ? shape.result_channels : 1;
  for (size_t remainder = 0; remainder < std::min(run_step_, width_); ++remainder) {
    for (size_t x = remainder; x < width_; x += run_step_) {
      if (x > remainder && same_elements(columns[x], columns[x - run_step_])) {
        runs_.back().count += 1;
        continue;
      }
      Run run = {x, 1, correlates ? shape.columns.stride : 1, {}};
      for (const Tap& tap : columns[x]) {
        for (size_t c = 0; c < source_.channels / groups_; ++c) {
          run.terms.push_back({uint32_t(tap.kernel * element + c * channel),
                               uint32_t((source_.offset(0, tap.source) + c) * group_samples)});
        }
      }
      runs_.push_back(std::move(run));
    }
  }
}

template <class T>
void LaneMap::compute_row(const T* source, const T* weights, const T* bias, size_t y, T* row) const {
  const size_t target_group = channels_ / groups_, source_group = source_.channels / groups_;
  for (const Run& run : runs_) {
    T* const to = row + run.first * channels_ * group_samples;
    for (size_t group = 0; group < groups_; ++group) {
      kernels<T>().lane_product(
          {weights + group * weight_group_, weight_step_, source + group * source_group * group_samples,
           run.source_step * source_.channels * group_samples, rows_[y].data(), rows_[y].size(), run.terms.data(),
           run.terms.size(), bias == nullptr ? nullptr : bias + group * target_group,
           to + group * target_group * group_samples, group_samples, run_step_ * channels_ * group_samples,
           target_group, run.count});
    }
  }
}

template <class T>
void put_in_border(const T* image, const Bordered& shape, const Range& rows, T* to) {
  const size_t row = shape.width * shape.channels, full_row = shape.full_width * shape.channels;
  const size_t left = shape.left * shape.channels, right = full_row - left - row;
  for (size_t y = rows.begin; y < rows.end; ++y) {
    T* const full = to + (y - rows.begin) * full_row;
    if (y < shape.top || y >= shape.top + shape.height) {
      std::memset(full, 0, full_row * sizeof(T));
      continue;
    }
    std::memset(full, 0, left * sizeof(T));
    std::memcpy(full + left, image + (y - shape.top) * row, row * sizeof(T));
    std::memset(full + left + row, 0, right * sizeof(T));
  }
}

template <class T>
void put_in_border(const Signal<T>& signal, T* values, size_t samples, Missing missing, const Bordered& image,
                   const RowsOfGroup& rows, T* group) {
  const size_t row_size = image.width * image.channels;
  const bool whole = image.full_width == image.width;
  const size_t pieces = whole ? 1 : rows.end - rows.begin;
  const size_t size = whole ? (rows.end - rows.begin) * row_size : row_size;
  T* const first = group_at(values, signal.stride, rows.group);
  for (size_t i = 0; i < pieces; ++i) {
    const size_t from = rows.begin * row_size + i * row_size;
    T* const to = group + image.offset(image.top + rows.begin + i, image.left) * group_samples;
    if (signal.in_lanes) {
      std::memcpy(to, first + from * group_samples, size * group_samples * sizeof(T));
    } else {
      const size_t there = samples_in(rows.group, samples);
      kernels<T>().to_lanes({first + from, signal.stride, there, to, size, missing});
    }
  }
}

template void LaneMap::compute_row(const float*, const float*, const float*, size_t, float*) const;
template void LaneMap::compute_row(const double*, const double*, const double*, size_t, double*) const;
template void put_in_border(const float*, const Bordered&, const Range&, float*);
template void put_in_border(const double*, const Bordered&, const Range&, double*);
template void put_in_border(const Signal<float>&, float*, size_t, Missing, const Bordered&, const RowsOfGroup&, float*);
template void put_in_border(const Signal<double>&, double*, size_t, Missing, const Bordered&, const RowsOfGroup&,
                            double*);

}  // namespace chainrule
