// Where a row is not zero, 16 elements a word: what the lists of the products (table.hpp) are made from.
#pragma once

#include "kernels/table.hpp"
#include "simd/vector.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

template <class T>
void mark_non_zeros(const T* row, size_t words, uint16_t* marks) {
  for (size_t i = 0; i < words; ++i) marks[i] = uint16_t(non_zero_bits(Vector<T>::load(row + i * lanes)));
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
