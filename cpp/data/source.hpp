// A view of a user's matrix of samples: of one of three types, with any strides, read row by row.
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

  // Compressed sparse rows: element i of `data` is in column indices[i], and columns ascend within a row; row r has the
  // elements from row_begins[r] to before row_begins[r + 1]. Both arrays have elements of `index_bytes`, 4 or 8.
  const char* indices = nullptr;
  const char* row_begins = nullptr;
  size_t index_bytes = 0;
  size_t stored = 0;  // number of elements
  size_t longest_row = 0;

  bool sparse() const { return row_begins != nullptr; }
  // The largest number of elements of a row.
  size_t entries() const { return sparse() ? longest_row : columns; }
  size_t index_at(const char* from, size_t i) const {
    return index_bytes == 4 ? size_t(reinterpret_cast<const int32_t*>(from)[i])
                            : size_t(reinterpret_cast<const int64_t*>(from)[i]);
  }
};

// Converts one dense row to T. With scale_bytes, uint8 becomes value / 255.
template <class T>
void gather_row(const Source& source, size_t row, bool scale_bytes, T* to);

// Prefetches a dense row that will soon be gathered: hardware cannot predict the addresses of shuffled rows.
void prefetch_row(const Source& source, size_t row);

// Converts one sparse row; bytes are scaled. Returns the number of its elements.
template <class T>
size_t gather_sparse_row(const Source& source, size_t row, uint32_t* columns, T* values);

// Whether every element is finite, also after conversion to a type whose largest number is the given one, which is at
// least that of float. Large sources are divided among threads.
bool all_finite(const Source& source, double largest);

}  // namespace chainrule
