// A user's matrix of samples where it lies: any of three types, any strides, read row by row.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chainrule {

enum class Element { uint8, float32, float64 };

// Elements are aligned and in native byte order; strides are in bytes and may be zero or negative.
struct Source {
  const char* data;
  Element element;
  ptrdiff_t row_stride, column_stride;
  size_t rows, columns;
};

// One row as T. With scale_bytes, uint8 becomes value / 255.
template <class T>
void gather_row(const Source& source, size_t row, bool scale_bytes, T* to);

bool all_finite(const Source& source);

}  // namespace chainrule
