// Convolutions of one sample with channels in the lanes of a vector: the micro-kernel of products, over places by
// panels of channels. No patch of an image is copied: lists of offsets locate its values, the same as those for 16
// samples in the lanes (convolution.hpp), so that the sums have the same bytes.
#pragma once

#include "kernels/convolution.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Copies fewer values than a vector has; the longer runs in two pieces that may overlap.
template <class T>
CHAINRULE_INLINE void copy_channels(const T* from, T* to, size_t count) {
  if (count >= 8) {
    __builtin_memcpy(to, from, 8 * sizeof(T));
    __builtin_memcpy(to + count - 8, from + count - 8, 8 * sizeof(T));
  } else if (count >= 4) {
    __builtin_memcpy(to, from, 4 * sizeof(T));
    __builtin_memcpy(to + count - 4, from + count - 4, 4 * sizeof(T));
  } else {
    for (size_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

// The first `count` values at `from`, which may be the last ones there.
template <class T>
CHAINRULE_INLINE Vector<T> load_channels(const T* from, size_t count) {
  if (count >= panel_width) return Vector<T>::load(from);
  alignas(64) T values[lanes] = {};
  copy_channels(from, values, count);
  return Vector<T>::load(values);
}

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
  for (size_t r = 0; r < R; ++r) copy_channels(values + r * lanes, to + r * place + last, channels - last);
}

template <class T, size_t R, size_t Q>
void place_tile(const PlaceProduct<T>& args, size_t place, size_t panel) {
  const size_t first = panel * panel_width;
  Vector<T> sum[R][Q];
#pragma GCC unroll 6
  for (size_t q = 0; q < Q; ++q) {
    const size_t at = first + q * panel_width;
    const Vector<T> start = load_channels(args.bias + at, args.channels - at);
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) sum[r][q] = start;
  }
  const T* const a_begin = args.a + first;
  const T* const b_begin = args.b + place * args.b_place;
  const size_t b_place = args.b_place;
  for (size_t o = 0; o < args.outer_count; ++o) {
    const T* const a_outer = a_begin + args.outer[o].a;
    const T* const b_outer = b_begin + args.outer[o].b / lanes;
    for (size_t i = 0; i < args.inner_count; ++i) {
      const T* a = a_outer + args.inner[i].a;
      const T* b = b_outer + args.inner[i].b / lanes;
      Vector<T> weights[Q];
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) weights[q] = Vector<T>::load(a + q * panel_width);
#pragma GCC unroll 12
      for (size_t r = 0; r < R; ++r) {
        const Vector<T> value = Vector<T>::broadcast(b[r * b_place]);
#pragma GCC unroll 6
        for (size_t q = 0; q < Q; ++q) sum[r][q] = fma(weights[q], value, sum[r][q]);
      }
    }
  }
  store_places(sum, args.channels - first, args.c + place * args.c_place + first, args.c_place);
}

// The loop over places is the inner one, so that the weights of a panel stay in the cache.
template <class T>
void place_product(const PlaceProduct<T>& args) {
  for_each_run<T, tallest<T>>({0, panels_of<T>(args.channels)}, [&](auto panels, size_t panel) {
    for_each_run_of_rows<T>(args.places, tallest<T>, [&](auto places, size_t place) {
      place_tile<T, decltype(places)::size, decltype(panels)::size>(args, place, panel);
    });
  });
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
