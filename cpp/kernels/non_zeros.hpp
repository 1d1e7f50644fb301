// The search for non-zero elements, from which the lists of the products (table.hpp) are made.
#pragma once

#include "kernels/table.hpp"
#include "simd/vector.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

template <class T>
void mark_non_zeros(const T* row, size_t columns, uint16_t* marks) {
  const size_t whole = columns / lanes;
  for (size_t i = 0; i < whole; ++i) marks[i] = uint16_t(non_zero_bits(Vector<T>::load(row + i * lanes)));
  if (whole * lanes == columns) return;
  unsigned bits = 0;
  for (size_t k = whole * lanes; k < columns; ++k) bits |= unsigned(row[k] != T(0)) << (k % lanes);
  marks[whole] = uint16_t(bits);
}

inline size_t list_marked(const uint16_t* marks, size_t rows, size_t words, uint32_t* list) {
  uint32_t* end = list;
  for (size_t word = 0; word < words; ++word) {
    unsigned bits = 0;
    for (size_t row = 0; row < rows; ++row) bits |= marks[row * words + word];
    end = append_set_bits(bits, uint32_t(word * lanes), end);
  }
  return size_t(end - list);
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
