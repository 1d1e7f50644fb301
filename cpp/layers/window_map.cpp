#include "layers/window_map.hpp"

#include <algorithm>

#include "layers/scratch.hpp"

namespace chainrule {

namespace {

struct WeightsOfPanel;
struct WindowBuffer;
struct WindowFactors;
struct BiasOfGroup;
struct PreActivations;
struct Activations;

// The windows along an axis, and the places before and after those of the source that they meet.
struct BorderedAxis {
  std::vector<WindowAxis> windows;
  size_t before, full;
};

BorderedAxis correlate(const ConvolutionAxis& axis) {
  WindowAxis windows = {.first = 0,
                        .step = 1,
                        .count = axis.result,
                        .elements = {},
                        .begin = 0,
                        .distance = axis.dilation,
                        .advance = axis.stride};
  for (size_t k = 0; k < axis.kernel; ++k) windows.elements.push_back(k);
  const size_t covered = (axis.result - 1) * axis.stride + axis.reach() + 1;
  return {{windows}, axis.before, std::max(covered, axis.before + axis.image)};
}

// Target i meets element k at the place o of the source for which o * stride + k * dilation - before = i: the places
// ascend as the elements descend.
BorderedAxis transpose(const ConvolutionAxis& axis) {
  BorderedAxis bordered = {{}, 0, axis.result};
  // Places count from the one that the first target meets with the last element, or before it.
  const size_t shift = axis.reach() / axis.stride + 1;
  size_t begin = shift, end = shift + axis.result;
  for (size_t first = 0; first < std::min(axis.stride, axis.image); ++first) {
    WindowAxis windows = {.first = first,
                          .step = axis.stride,
                          .count = (axis.image - first + axis.stride - 1) / axis.stride,
                          .elements = {},
                          .begin = shift,
                          .distance = 1,
                          .advance = 1};
    std::vector<size_t> places;
    for (size_t k = axis.kernel; k-- > 0;) {
      const size_t at = first + axis.before + shift * axis.stride - k * axis.dilation;
      if (at % axis.stride != 0) continue;
      windows.elements.push_back(k);
      places.push_back(at / axis.stride);
    }
    if (!places.empty()) {
      windows.begin = places[0];
      begin = std::min(begin, places[0]);
      end = std::max(end, places.back() + windows.count);
    }
    if (places.size() > 1) windows.distance = places[1] - places[0];
    bordered.windows.push_back(windows);
  }
  for (WindowAxis& windows : bordered.windows) windows.begin -= begin;
  bordered.before = shift - begin;
  bordered.full = end - begin;
  return bordered;
}

// The indices i of those of the targets first + i * step that are in a range.
Range targets_within(const Range& range, const WindowAxis& axis) {
  const auto before = [&](size_t end) {
    return end <= axis.first ? 0 : std::min((end - axis.first + axis.step - 1) / axis.step, axis.count);
  };
  return {before(range.begin), before(range.end)};
}

}  // namespace

template <class T>
WindowMap<T>::WindowMap(const ConvolutionShape& shape, LaneMap::Direction direction) : groups_(shape.groups) {
  const bool correlates = direction == LaneMap::Direction::correlate;
  const auto windows_along = correlates ? correlate : transpose;
  const BorderedAxis rows = windows_along(shape.rows), columns = windows_along(shape.columns);
  const ConvolutionAxis &down = shape.rows, &across = shape.columns;
  source_ = {.height = correlates ? down.image : down.result,
             .width = correlates ? across.image : across.result,
             .channels = correlates ? shape.image_channels : shape.result_channels,
             .top = rows.before,
             .left = columns.before,
             .full_height = rows.full,
             .full_width = columns.full};
  group_ = correlates ? shape.result_group() : shape.image_group();
  width_ = correlates ? across.result : across.image;
  source_step_ = correlates ? shape.result_channels : 1;
  target_step_ = correlates ? 1 : shape.result_channels;
  weight_group_ = shape.result_group();
  for (const WindowAxis& of_rows : rows.windows) {
    for (const WindowAxis& of_columns : columns.windows) add_phase(shape, of_rows, of_columns);
  }
  pairs_ = AlignedArray<uint16_t>(phases_.back().pairs + packed_size(phases_.back()));
}

template <class T>
void WindowMap<T>::add_phase(const ConvolutionShape& shape, const WindowAxis& rows, const WindowAxis& columns) {
  Phase phase = {rows, columns, {}, source_.channels / groups_, {}, 0};
  const bool adjacent = groups_ == 1 && columns.distance == 1;
  if (adjacent) phase.run *= columns.elements.size();
  const size_t element = shape.image_group() * shape.result_channels;
  for (size_t y = 0; y < rows.elements.size(); ++y) {
    for (size_t x = 0; x < columns.elements.size(); ++x) {
      if (x == 0 || !adjacent) {
        phase.runs.push_back(uint32_t(source_.offset(y * rows.distance, x * columns.distance)));
      }
      const size_t at = (rows.elements[y] * shape.columns.kernel + columns.elements[x]) * element;
      for (size_t c = 0; c < source_.channels / groups_; ++c) phase.weights.push_back(at + c * source_step_);
    }
  }
  if (!phases_.empty()) phase.pairs = phases_.back().pairs + packed_size(phases_.back());
  phases_.push_back(std::move(phase));
}

template <class T>
Range WindowMap<T>::rows_met(const Range& rows) const {
  Range met = {source_.full_height, 0};
  for (const Phase& phase : phases_) {
    const WindowAxis& axis = phase.rows;
    const Range within = targets_within(rows, axis);
    if (within.size() == 0 || axis.elements.empty()) continue;
    const size_t last = axis.begin + (within.end - 1) * axis.advance + (axis.elements.size() - 1) * axis.distance;
    met = {std::min(met.begin, axis.begin + within.begin * axis.advance), std::max(met.end, last + 1)};
  }
  return met.begin < met.end ? met : Range{0, 0};
}

template <class T>
void WindowMap<T>::derive(const Team& team, const T* weights) {
  const size_t units = phases_.size() * groups_ * panels();
  const Range own = team.share(units);
  for (size_t unit = own.begin; unit < own.end; ++unit) {
    const Phase& phase = phases_[unit / panels() / groups_];
    round_panel(phase, unit / panels() % groups_, unit % panels(), weights);
  }
}

template <class T>
void WindowMap<T>::round_panel(const Phase& phase, size_t group, size_t panel, const T* weights) {
  const size_t inner = phase.weights.size();
  if (inner == 0) return;
  T* const values = scratch<T, WeightsOfPanel>(inner * panel_width);
  const size_t first = panel * panel_width, channels = std::min(panel_width, group_ - first);
  const T* const from = weights + group * weight_group_ + first * target_step_;
  std::fill_n(values, inner * panel_width, T(0));
  for (size_t k = 0; k < inner; ++k) {
    for (size_t j = 0; j < channels; ++j) values[k * panel_width + j] = from[phase.weights[k] + j * target_step_];
  }
  kernels<T>().mixed.pair({.from = values,
                           .from_panel = 0,
                           .from_inner = panel_width,
                           .inner = inner,
                           .to = pairs_.data() + phase.pairs + (group * panels() + panel) * paired_size(inner),
                           .panels = {0, 1}});
}

template <class T>
Windows<T> WindowMap<T>::windows_of(const Part& part, const PlaceMap::Source<T>& source) const {
  const Phase& phase = part.phase;
  const WindowAxis &rows = phase.rows, &columns = phase.columns;
  const size_t row = rows.begin + part.rows.begin * rows.advance - source.first_row;
  return {.image = source.values + source_.offset(row, columns.begin) + part.group * (source_.channels / groups_),
          .down = source_.offset(rows.advance, 0),
          .right = source_.offset(0, columns.advance),
          .width = columns.count,
          .runs = phase.runs.data(),
          .run_count = phase.runs.size(),
          .run = phase.run,
          .places = part.places,
          .buffer = scratch<T, WindowBuffer>(window_buffer(phase.inner()))};
}

template <class T>
void WindowMap<T>::compute(const PlaceMap::Source<T>& source, const T* bias, const PlaceMap::Target<T>& target,
                           const Range& rows) const {
  for (const Phase& phase : phases_) {
    const Range within = targets_within(rows, phase.rows);
    if (within.size() > 0) compute_phase(phase, source, bias, target, within);
  }
}

// Whether the sums of a group are whole panels, and those of a phase one after the other.
template <class T>
bool WindowMap<T>::stores_directly(const Phase& phase) const {
  return group_ % panel_width == 0 && phase.rows.step == 1 && phase.columns.step == 1;
}

// A product has so many windows that their factors stay in the second-level cache.
template <class T>
void WindowMap<T>::compute_phase(const Phase& phase, const PlaceMap::Source<T>& source, const T* bias,
                                 const PlaceMap::Target<T>& target, const Range& rows) const {
  const size_t width = panels() * panel_width, channels = groups_ * group_, count = rows.size() * phase.columns.count;
  const size_t row_bytes = (whole_blocks(phase.inner()) + width) * sizeof(T);
  const size_t step = std::min(std::max(tuning::window_bytes / row_bytes, pair_block), count);
  const bool directly = stores_directly(phase), keeps_sums = target.pre_activations != target.activations;
  T* const biases = scratch<T, BiasOfGroup>(width);
  T* const sums = directly ? nullptr : scratch<T, PreActivations>(step * width);
  T* const activations = directly || !keeps_sums ? sums : scratch<T, Activations>(step * width);
  for (size_t group = 0; group < groups_; ++group) {
    std::fill_n(biases, width, T(0));
    if (bias != nullptr) std::copy_n(bias + group * group_, group_, biases);
    for (size_t first = 0; first < count; first += step) {
      const Part part = {phase, group, rows, {first, std::min(first + step, count)}};
      if (directly) {
        const size_t at = (rows.begin * width_ + first) * channels + group * group_;
        multiply(part, source, biases, target.activation,
                 {.sums = target.pre_activations + at, .activations = target.activations + at, .stride = channels});
        continue;
      }
      multiply(part, source, biases, target.activation, {.sums = sums, .activations = activations, .stride = width});
      if (keeps_sums) copy_to_target(part, sums, target.pre_activations);
      copy_to_target(part, activations, target.activations);
    }
  }
}

template <class T>
void WindowMap<T>::multiply(const Part& part, const PlaceMap::Source<T>& source, const T* bias, Activation activation,
                            const Results& results) const {
  const size_t inner = part.phase.inner();
  Product<T> product = {.a = nullptr,
                        .a_row = 0,
                        .a_inner = 0,
                        .b = nullptr,
                        .b_panel = paired_size(inner),
                        .b_inner = 0,
                        .c = results.sums,
                        .c_row = results.stride,
                        .c_panel = panel_width,
                        .inner = inner,
                        .rows = {0, part.places.size()},
                        .panels = {0, panels()}};
  // Where no window meets a target, the sum is the bias.
  if (inner > 0) {
    T* const memory = scratch<T, WindowFactors>(factor_memory(part.places.size(), inner));
    kernels<T>().mixed.take_windows(product, windows_of(part, source), memory);
    product.b_pairs = pairs_.data() + part.phase.pairs + part.group * panels() * paired_size(inner);
  }
  kernels<T>().forward({.product = product, .bias = bias, .activation = activation, .outputs = results.activations});
}

template <class T>
void WindowMap<T>::copy_to_target(const Part& part, const T* values, T* target) const {
  const WindowAxis &rows = part.phase.rows, &columns = part.phase.columns;
  for (size_t i = part.places.begin; i < part.places.end; ++i, values += panels() * panel_width) {
    const size_t y = rows.first + (part.rows.begin + i / columns.count) * rows.step;
    const size_t x = columns.first + i % columns.count * columns.step;
    std::copy_n(values, group_, target + (y * width_ + x) * groups_ * group_ + part.group * group_);
  }
}

template class WindowMap<float>;
template class WindowMap<double>;

}  // namespace chainrule
