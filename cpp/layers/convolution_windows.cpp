// The computations of a convolution in mixed precision, for one sample after the other.
#include <algorithm>

#include "layers/convolution.hpp"
#include "layers/mixed.hpp"

namespace chainrule {

namespace {

struct WindowPairs;
struct GradientSums;

// The sums [columns][rows] of a gradient [rows][columns] whose rows are `stride` apart, and back.
template <class T>
void take_transposed(const T* gradient, size_t stride, const Range& rows, size_t columns, T* sums, size_t sums_stride) {
  for (size_t row = rows.begin; row < rows.end; ++row) {
    for (size_t j = 0; j < columns; ++j) sums[j * sums_stride + row - rows.begin] = gradient[row * stride + j];
  }
}

template <class T>
void give_transposed(const T* sums, size_t sums_stride, const Range& rows, size_t columns, T* gradient, size_t stride) {
  for (size_t row = rows.begin; row < rows.end; ++row) {
    for (size_t j = 0; j < columns; ++j) gradient[row * stride + j] = sums[j * sums_stride + row - rows.begin];
  }
}

}  // namespace

// Threads divide rows of images.
template <class T>
void Convolution<T>::forward_by_windows(const Team& team, const Signal<T>& below, const Signal<T>& above,
                                        size_t samples) const {
  const WindowMap<T>& map = windows_->forward;
  const size_t height = forward_.target_height();
  const Activation activation = activation_ == Activation::softmax ? Activation() : activation_;
  for_each_group(team.share(samples * height), height, [&](const RowsOfGroup& part) {
    const Range rows = {part.begin, part.end}, met = map.rows_met(rows);
    map.compute({copy_in_border(below, above, part.group, map.source(), met), met.begin}, this->panels(1),
                {.pre_activations = above.pre_activations + part.group * above.stride,
                 .activations = above.activations + part.group * above.stride,
                 .activation = activation},
                rows);
    softmax_of_rows(above, part.group, rows);
  });
}

template <class T>
void Convolution<T>::backward_by_windows(const Signal<T>& above, const Signal<T>& below, const Range& samples) const {
  if (below.deltas == nullptr) return;
  const WindowMap<T>& map = windows_->backward;
  for (size_t sample = samples.begin; sample < samples.end; ++sample) {
    T* const deltas = below.deltas + sample * below.stride;
    map.compute({in_border(above.deltas + sample * above.stride, map.source(), {0, map.source().full_height}), 0},
                nullptr, {.pre_activations = deltas, .activations = deltas, .activation = Activation::identity},
                {0, backward_.target_height()});
    multiply_by_derivative(below, {sample, sample + 1});
  }
}

// Threads divide panels of the values of a window.
template <class T>
void Convolution<T>::add_gradient_by_windows(const Team& team, const Signal<T>& below, const Signal<T>& above,
                                             size_t samples, T* gradient) const {
  const size_t panels = panel_count(shape_.weight_rows());
  for_each_group(team.share(shape_.groups * panels), panels, [&](const RowsOfGroup& part) {
    add_weights_by_windows(below, above, samples, part.group, {part.begin, part.end}, this->panels_of(gradient, 0));
  });
  if (!this->matrix(1).is_hidden) add_bias_by_places(team, above, samples, this->panels_of(gradient, 1));
}

// dE/dW, transposed, is the product of the values at the narrow side's places with the windows at these places.
template <class T>
void Convolution<T>::add_weights_by_windows(const Signal<T>& below, const Signal<T>& above, size_t samples,
                                            size_t group, const Range& panels, T* gradient) const {
  const WindowMap<T>& map = transposed_ ? windows_->backward : windows_->forward;
  const size_t columns = shape_.result_group(), count = map.window_count(), stride = panels.size() * panel_width;
  const Range rows = {panels.begin * panel_width, std::min(panels.end * panel_width, shape_.weight_rows())};
  const size_t step = std::max(tuning::window_bytes / (stride * sizeof(T)) / pair_block, size_t(2)) * pair_block;
  T* const sums = scratch<T, GradientSums>(columns * stride);
  uint16_t* const pairs = scratch<uint16_t, WindowPairs>(panels.size() * paired_size(std::min(step, count)));
  gradient += group * columns;
  take_transposed(gradient, shape_.result_channels, rows, columns, sums, stride);
  for (size_t i = 0; i < samples; ++i) {
    const T *const inputs = below.activations + i * below.stride, *const deltas = above.deltas + i * above.stride;
    const T* const image = in_border(transposed_ ? deltas : inputs, map.source(), {0, map.source().full_height});
    for (size_t first = 0; first < count; first += step) {
      const Range places = {first, std::min(first + step, count)};
      kernels<T>().mixed.pair_windows(map.windows(image, group, places), panels, pairs);
      Product<T> product = {.a = (transposed_ ? inputs : deltas) + first * shape_.result_channels + group * columns,
                            .a_row = 1,
                            .a_inner = shape_.result_channels,
                            .b = nullptr,
                            .b_panel = paired_size(places.size()),
                            .b_inner = 0,
                            .c = sums,
                            .c_row = stride,
                            .c_panel = panel_width,
                            .inner = places.size(),
                            .rows = {0, columns},
                            .panels = {0, panels.size()}};
      take_factors(product);
      product.b_pairs = pairs;
      kernels<T>().product(product, true);
    }
  }
  give_transposed(sums, stride, rows, columns, gradient, shape_.result_channels);
}

template class Convolution<float>;
template class Convolution<double>;

}  // namespace chainrule
