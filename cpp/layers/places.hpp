// The outputs at the places of a sample, which are the steps of a sequence or the pixels of an image, as rows. In a
// signal, places follow each other without gaps. Kernels for whole rows, such as softmax and the losses, take copies in
// which each place is a row of whole panels.
#pragma once

#include <algorithm>

#include "base/tuning.hpp"
#include "layers/signal.hpp"

namespace chainrule {

// Calls function(part) for some of the places at a time.
template <class Function>
void for_some_places(const Range& places, Function function) {
  for (size_t begin = places.begin; begin < places.end; begin += tuning::places_at_a_time) {
    function(Range{begin, std::min(begin + tuning::places_at_a_time, places.end)});
  }
}

// The size of the copies of as many places as are copied at a time.
template <class T>
constexpr size_t place_rows_size(size_t width) {
  return tuning::places_at_a_time * row_stride<T>(width);
}

// Copies places of `width` values to rows, whose padding becomes zero.
template <class T>
void places_to_rows(const T* places, size_t count, size_t width, T* rows) {
  const size_t stride = row_stride<T>(width);
  copy_rows(places, width, rows, stride, {0, count}, width);
  for (size_t i = 0; i < count; ++i) std::memset(rows + i * stride + width, 0, (stride - width) * sizeof(T));
}

template <class T>
void rows_to_places(const T* rows, size_t count, size_t width, T* places) {
  copy_rows(rows, row_stride<T>(width), places, width, {0, count}, width);
}

}  // namespace chainrule
