// The values between two layers for a batch, and what all layers do with them.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "base/tuning.hpp"
#include "kernels/table.hpp"
#include "layers/non_zeros.hpp"

namespace chainrule {

template <class T>
class Layer;

// Row-major (samples, size) with a stride that is a multiple of 16. A delta is dE/dz: the layer above, or the loss, has
// already multiplied by the derivative of the activation.
template <class T>
struct Signal {
  size_t size = 0;
  size_t stride = 0;
  Activation activation = Activation::identity;
  size_t softmax_places = 1;     // LayerTraits::softmax_places of the layer below
  T* pre_activations = nullptr;  // the same array as the activations if no computation needs both
  T* activations = nullptr;
  T* deltas = nullptr;  // null if no layer below needs them
  // Copies in the order in which the weight gradient reads them (packing.hpp), if the batch is large; else null.
  T* packed_activations = nullptr;
  T* packed_deltas = nullptr;
  size_t capacity = 0;  // samples that the arrays can hold
  // Whether values are stored in groups of 16 samples, [size][16], in the place of these samples' rows. Lanes without a
  // sample repeat the last one, and have deltas of zero.
  bool in_lanes = false;
  // Per sample, the values that the layer below keeps for its way back (LayerTraits::kept_size). Null in prediction,
  // unless other layers read them.
  T* kept = nullptr;
  size_t kept_stride = 0;
  // Per sample, the state that the layer below carries from one call to the next (LayerTraits::state_size). Null if
  // each call starts from zero.
  T* state = nullptr;
  size_t state_stride = 0;
  // The indices at which activations are not zero, if products should follow them: lists of columns per sample, and
  // lists of samples per column, in parts. Columns without a list are zero in all samples.
  const std::vector<NonZeros<T>>* of_samples = nullptr;
  const std::vector<NonZeros<T>>* of_columns = nullptr;
  // Where the columns are listed once the activations are computed; null if they are not. Deltas of a layer whose
  // derivative is zero where its activation is, as ReLU's, have the same lists.
  NonZeroLists<T>* lists = nullptr;
  // Per batch, the values that the layer below keeps in training (LayerTraits::batch_kept_size).
  double* batch_kept = nullptr;
  // The signals above other layers that the layer below reads (Layer::takes_sources).
  std::span<const Signal* const> sources = {};
  // The signals above layers that read this one and return deltas to it.
  std::span<const Signal* const> readers = {};
  // Layers above whose work the layer below does with its own, in the same array, in their order (finish.hpp); and
  // whether this signal is above one of these, so that nothing is left to do.
  std::span<const Layer<T>* const> finishers = {};
  bool is_finished = false;
};

// Whether f'(z) is computed from z, and not from f(z) alone.
constexpr bool derivative_needs_pre_activation(Activation activation) {
  switch (activation) {
    case Activation::softplus:
    case Activation::gelu:
    case Activation::silu:
    case Activation::mish:
    case Activation::softmax:
      return true;
    default:
      return false;
  }
}

// The number of panels that hold so many columns, and the columns that these panels have.
constexpr size_t panel_count(size_t columns) { return (columns + panel_width - 1) / panel_width; }
constexpr size_t whole_panels(size_t columns) { return panel_count(columns) * panel_width; }

// Whether rows this many elements apart share a few sets of the cache.
template <class T>
constexpr bool rows_collide(size_t stride) {
  return stride * sizeof(T) % tuning::colliding_bytes == 0;
}

// The stride of rows of `size` elements: whole panels, and such that the rows of a tile do not collide in the cache.
template <class T>
constexpr size_t row_stride(size_t size) {
  const size_t padded = whole_panels(size);
  return padded + (rows_collide<T>(padded) ? panel_width : 0);
}

// Copies the first `columns` values of some rows, unless they are there already.
template <class T>
void copy_rows(const T* from, size_t from_stride, T* to, size_t to_stride, const Range& rows, size_t columns) {
  if (from == to && from_stride == to_stride) return;
  for (size_t row = rows.begin; row < rows.end; ++row) {
    std::memcpy(to + row * to_stride, from + row * from_stride, columns * sizeof(T));
  }
}

// Copies up to a panel of values; a whole one in a few instructions.
template <class T>
void copy_panel(const T* from, T* to, size_t count) {
  if (count == panel_width) {
    std::memcpy(to, from, panel_width * sizeof(T));
  } else {
    std::memcpy(to, from, count * sizeof(T));
  }
}

// to = from * factors
template <class T>
void multiply_values(const T* from, const T* factors, size_t size, T* to) {
  for (size_t k = 0; k < size; ++k) to[k] = from[k] * factors[k];
}

// The rows of a signal that belong to some samples, as kernels take them.
template <class T>
Rows<T> rows_of(const Signal<T>& signal, const Range& samples) {
  return {.pre_activations = signal.pre_activations,
          .activations = signal.activations,
          .deltas = signal.deltas,
          .stride = signal.stride,
          .outputs = signal.size,
          .rows = samples,
          .activation = signal.activation};
}

// a = softmax(z) at some places of some samples, and its way back at all places (places.cpp).
template <class T>
void softmax_at_places(const Signal<T>& signal, const Range& samples, const Range& places);
template <class T>
void softmax_gradient_at_places(const Signal<T>& signal, const Range& samples);

// a = f(z) for some samples.
template <class T>
void activate(const Signal<T>& signal, const Range& samples) {
  if (signal.softmax_places > 1) return softmax_at_places(signal, samples, {0, signal.softmax_places});
  kernels<T>().activate(rows_of(signal, samples));
}

// For layers that compute activations directly: z = a, if z has an array of its own.
template <class T>
void copy_to_pre_activations(const Signal<T>& signal, const Range& samples) {
  if (signal.pre_activations == signal.activations) return;
  std::memcpy(signal.pre_activations + samples.begin * signal.stride,
              signal.activations + samples.begin * signal.stride, samples.size() * signal.stride * sizeof(T));
}

// Turns dE/da into the delta dE/dz, in place.
template <class T>
void multiply_by_derivative(const Signal<T>& signal, const Range& samples) {
  if (signal.activation == Activation::identity) return;
  if (signal.softmax_places > 1) return softmax_gradient_at_places(signal, samples);
  kernels<T>().activation_gradient(rows_of(signal, samples));
}

// The way back through a layer that only copies its inputs.
template <class T>
void pass_deltas_on(const Signal<T>& above, const Signal<T>& below, const Range& samples) {
  if (above.deltas != below.deltas) {
    copy_rows(above.deltas, above.stride, below.deltas, below.stride, samples, below.size);
  }
  multiply_by_derivative(below, samples);
}

}  // namespace chainrule
