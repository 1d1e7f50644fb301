// Copies of a large batch in the order in which a weight gradient reads it. In rows, every sample is on a different
// page, and the time goes to TLB misses; packed, a tile reads two contiguous streams.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/table.hpp"

namespace chainrule {

// The number of columns of activations that are stored together: a multiple of the rows of every tile.
constexpr size_t packed_columns = 12;

// Copies `count` values, 1 to 11, in few instructions: two overlapping copies of constant length, from both ends.
template <class T>
void copy_short(const T* from, size_t count, T* to) {
  const auto from_both_ends = [&](auto length) {
    std::memcpy(to, from, sizeof(T) * decltype(length)::value);
    std::memcpy(to + count - length, from + count - length, sizeof(T) * decltype(length)::value);
  };
  if (count >= 8) return from_both_ends(std::integral_constant<size_t, 8>());
  if (count >= 4) return from_both_ends(std::integral_constant<size_t, 4>());
  if (count >= 2) return from_both_ends(std::integral_constant<size_t, 2>());
  *to = *from;
}

// Packs the activations of one sample as [columns / 12][capacity][12].
template <class T>
void pack_activations(const T* row, size_t columns, size_t sample, size_t capacity, T* packed) {
  for (size_t column = 0; column < columns; column += packed_columns) {
    T* const to = packed + (column / packed_columns * capacity + sample) * packed_columns;
    if (column + packed_columns <= columns) {
      std::memcpy(to, row + column, packed_columns * sizeof(T));
    } else {
      copy_short(row + column, columns - column, to);
    }
  }
}

// Packs some panels of the deltas of all samples as [panels][capacity][16].
template <class T>
void pack_deltas(const T* deltas, size_t stride, size_t samples, const Range& panels, size_t capacity, T* packed) {
  for (size_t panel = panels.begin; panel < panels.end; ++panel) {
    for (size_t sample = 0; sample < samples; ++sample) {
      std::memcpy(packed + (panel * capacity + sample) * panel_width, deltas + sample * stride + panel * panel_width,
                  panel_width * sizeof(T));
    }
  }
}

}  // namespace chainrule
