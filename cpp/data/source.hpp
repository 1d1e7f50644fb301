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

  // Compressed sparse rows: element i of `data` stands in the column that indices[i] names, ascending within a row; row
  // r has the elements from row_begins[r] to row_begins[r + 1]. Both hold 4 or 8 bytes each.
  const char* indices = nullptr;
  const char* row_begins = nullptr;
  size_t index_bytes = 0;
  size_t stored = 0;  // elements in all
  size_t longest_row = 0;

  bool sparse() const { return row_begins != nullptr; }
  // Elements of a row, at most.
  size_t entries() const { return sparse() ? longest_row : columns; }
  size_t index_at(const char* from, size_t i) const {
    return index_bytes == 4 ? size_t(reinterpret_cast<const int32_t*>(from)[i])
                            : size_t(reinterpret_cast<const int64_t*>(from)[i]);
  }
};

// One dense row as T. With scale_bytes, uint8 becomes value / 255.
template <class T>
void gather_row(const Source& source, size_t row, bool scale_bytes, T* to);

// Sends for a dense row that will soon be gathered: shuffled rows come from main memory, and no processor guesses them.
void prefetch_row(const Source& source, size_t row);

// One sparse row; bytes are scaled. Returns the number of its elements.
template <class T>
size_t gather_sparse_row(const Source& source, size_t row, uint32_t* columns, T* values);

// Whether every element is finite, and stays so in a type whose largest number is the given one; that is no less than
// float's. All cores work on large sources.
bool all_finite(const Source& source, double largest);

}  // namespace chainrule
