// Convolutions of one sample with channels in the lanes of a vector, and their gradients: the micro-kernel of products,
// over places by panels of channels. No patch of an image is copied: lists of offsets locate its values, in the order
// of those for 16 samples in the lanes (convolution.hpp), so that the sums have the same bytes.
#pragma once

#include "kernels/activations.hpp"
#include "kernels/convolution.hpp"
#include "kernels/parts.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Stores panels of channels of some places. What follows the last channel of a place is the next place, and stays.
template <class T, size_t R, size_t Q>
CHAINRULE_INLINE void store_places(const Vector<T> (&sum)[R][Q], size_t channels, T* to, size_t place) {
  constexpr size_t last = (Q - 1) * panel_width;
  const bool whole = channels >= Q * panel_width;
  alignas(64) T values[R * lanes];
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
    for (size_t q = 0; q + 1 < Q; ++q) sum[r][q].store(to + r * place + q * panel_width);
    sum[r][Q - 1].store(whole ? to + r * place + last : values + r * lanes);
  }
  if (whole) return;
  for (size_t r = 0; r < R; ++r) copy_part(values + r * lanes, to + r * place + last, channels - last);
}

// What the weights of a term multiply: one value of the source for all channels; a vector of them, one for each
// channel; or the first channels of such a vector.
enum class Factor { value, vector, part };

// a = f(z) for a tile of R places by Q panels that begins at `at` in C, with `left` channels. It is not inlined,
// because every tile size has its own copy of what precedes it.
template <class T>
__attribute__((noinline)) void activate_places(const PlaceProduct<T>& args, size_t at, size_t left, size_t R,
                                               size_t Q) {
  const T* const z = args.c + at;
  T* const a = args.activations + at;
  // The places of a tile that has all channels are one run of values, which fills the lanes however few they are.
  const size_t width = left < Q * panel_width ? left : Q * panel_width, place = args.c_right;
  const bool is_run = place == width;
  const size_t rows = is_run ? 1 : R, values = is_run ? R * width : width;
  with_activation(args.activation, [=](auto kind) {
    for (size_t r = 0; r < rows; ++r) {
      for (size_t i = 0; i < values; i += panel_width) {
        const size_t to = r * place + i;
        store_part(activate(kind, load_part(z + to, values - i)), a + to, values - i);
      }
    }
  });
}

constexpr size_t weights_ahead = tuning::weight_vectors_ahead * panel_width;

// Where a tile begins: its first place, and its first panel of channels.
struct PlaceOrigin {
  size_t y, x, panel;
};

// It is not inlined: the loops around it would take registers that its addresses need.
template <class T, size_t R, size_t Q, Factor factor>
__attribute__((noinline)) void place_tile(const PlaceProduct<T>& args, const PlaceOrigin& origin) {
  const size_t first = origin.panel * panel_width, left = args.channels - first;
  Vector<T> sum[R][Q];
#pragma GCC unroll 6
  for (size_t q = 0; q < Q; ++q) {
    const Vector<T> start = args.bias == nullptr
                                ? Vector<T>::zero()
                                : load_part(args.bias + first + q * panel_width, left - q * panel_width);
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) sum[r][q] = start;
  }
  const size_t a_panel = args.a_panel, b_right = args.b_right;
  const T* const a_begin = args.a + origin.panel * a_panel;
  const T* const b_begin = args.b + origin.y * args.b_down + origin.x * b_right + (factor == Factor::value ? 0 : first);
  for (size_t o = 0; o < args.outer_count; ++o) {
    const T* const a_outer = a_begin + args.outer[o].a;
    const T* const b_outer = b_begin + args.outer[o].b;
    for (size_t i = 0; i < args.inner_count; ++i) {
      const PlaceTerms& terms = args.inner[i];
      const ptrdiff_t b_step = terms.b_step;
      const T *a = a_outer + terms.a, *b = b_outer + terms.b;
      for (const T* const end = a + terms.count * panel_width; a < end; a += panel_width, b += b_step) {
        Vector<T> weights[Q];
#pragma GCC unroll 6
        for (size_t q = 0; q < Q; ++q) {
          weights[q] = Vector<T>::load(a + q * a_panel);
          if constexpr (factor == Factor::value) __builtin_prefetch(a + q * a_panel + weights_ahead);
        }
#pragma GCC unroll 12
        for (size_t r = 0; r < R; ++r) {
          const T* from = b + r * b_right;
          Vector<T> values;
          if constexpr (factor == Factor::value) values = Vector<T>::broadcast(*from);
          if constexpr (factor == Factor::vector) values = Vector<T>::load(from);
          if constexpr (factor == Factor::part) values = load_part(from, left);
#pragma GCC unroll 6
          for (size_t q = 0; q < Q; ++q) sum[r][q] = fma(weights[q], values, sum[r][q]);
        }
      }
    }
  }
  const size_t at = origin.y * args.c_down + origin.x * args.c_right + first;
  store_places(sum, left, args.c + at, args.c_right);
  if (args.activation == Activation::identity && args.activations == args.c) return;
  activate_places(args, at, left, R, Q);
}

// Calls compute(constant, y, x) for runs of places in each row, each at most `most` places long.
template <class T, class Compute>
CHAINRULE_INLINE void for_each_run_of_places(const PlaceProduct<T>& args, size_t most, Compute compute) {
  for (size_t y = 0; y < args.height; ++y) {
    for_each_run_of_rows<T>(args.width, most, [&](auto places, size_t x) { compute(places, y, x); });
  }
}

// A vector of the source and one of weights are loaded for each sum. A few rows suffice to hide the latency.
template <class T>
void place_product_of_channels(const PlaceProduct<T>& args) {
  constexpr size_t tall = tallest<T> < 4 ? tallest<T> : 4;
  for (size_t panel = 0; panel < panels_of<T>(args.channels); ++panel) {
    const bool whole = (panel + 1) * panel_width <= args.channels;
    for_each_run_of_places(args, tall, [&](auto places, size_t y, size_t x) {
      constexpr size_t R = decltype(places)::size;
      if (whole) return place_tile<T, R, 1, Factor::vector>(args, {y, x, panel});
      place_tile<T, R, 1, Factor::part>(args, {y, x, panel});
    });
  }
}

// The loop over places is the inner one, so that the weights of a panel stay in the cache.
template <class T>
void place_product(const PlaceProduct<T>& args) {
  if (args.each_channel) return place_product_of_channels(args);
  for_each_run<T, tallest<T>>({0, panels_of<T>(args.channels)}, [&](auto count, size_t panel) {
    for_each_run_of_places(args, tallest<T>, [&](auto places, size_t y, size_t x) {
      place_tile<T, decltype(places)::size, decltype(count)::size, Factor::value>(args, {y, x, panel});
    });
  });
}

// Panels of some rows of the sums stay in registers while all places are visited. Element(row, offset of a place)
// returns what the deltas at that place are multiplied by.
template <class T, size_t R, size_t Q, class Element>
CHAINRULE_INLINE void place_gradient_tile(const PlaceGradient<T>& args, size_t row, size_t panel, Element element) {
  const size_t stride = panels_of<T>(args.channels) * panel_width;
  T* const sums = args.sums + row * stride + panel * panel_width;
  Vector<T> sum[R][Q];
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) sum[r][q] = Vector<T>::load(sums + r * stride + q * panel_width);
  }
  const size_t a_right = args.a_right, b_right = args.b_right;
  for (size_t y = 0; y < args.height; ++y) {
    const T* b = args.b + panel * panel_width + y * args.b_down;
    size_t a = y * args.a_down;
    for (size_t x = 0; x < args.width; ++x, a += a_right, b += b_right) {
      Vector<T> deltas[Q];
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) deltas[q] = Vector<T>::load(b + q * panel_width);
#pragma GCC unroll 12
      for (size_t r = 0; r < R; ++r) {
        const Vector<T> value = element(r, a);
#pragma GCC unroll 6
        for (size_t q = 0; q < Q; ++q) sum[r][q] = fma(value, deltas[q], sum[r][q]);
      }
    }
  }
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) sum[r][q].store(sums + r * stride + q * panel_width);
  }
}

template <class T>
void place_gradient_of_channels(const PlaceGradient<T>& args) {
  constexpr size_t tall = tallest<T> < 4 ? tallest<T> : 4;
  for (size_t panel = 0; panel < panels_of<T>(args.channels); ++panel) {
    for_each_run_of_rows<T>(args.rows, tall, [&](auto rows, size_t row) {
      constexpr size_t R = decltype(rows)::size;
      const T* a_of[R];
      for (size_t r = 0; r < R; ++r) a_of[r] = args.a + args.offsets[row + r] + panel * panel_width;
      place_gradient_tile<T, R, 1>(args, row, panel,
                                   [&](size_t r, size_t at) { return Vector<T>::load(a_of[r] + at); });
    });
  }
}

template <class T>
void place_gradient(const PlaceGradient<T>& args) {
  if (args.each_channel) return place_gradient_of_channels(args);
  for_each_run<T, tallest<T>>({0, panels_of<T>(args.channels)}, [&](auto count, size_t panel) {
    for_each_run_of_rows<T>(args.rows, tallest<T>, [&](auto rows, size_t row) {
      const T* const first = args.a + row;
      place_gradient_tile<T, decltype(rows)::size, decltype(count)::size>(
          args, row, panel, [&](size_t r, size_t at) { return Vector<T>::broadcast(first[r + at]); });
    });
  });
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
