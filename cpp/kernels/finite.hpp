// A test whether numbers are neither infinite nor NaN.
#pragma once

#include "simd/vector.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

// A finite value times zero is zero, so that the sums stay zero unless a value is not finite. The loop has no branch.
template <class T>
bool all_finite(const T* values, size_t count) {
  constexpr size_t chains = 4;
  const Vector<T> zero = Vector<T>::zero();
  Vector<T> sums[chains] = {zero, zero, zero, zero};
  size_t k = 0;
  for (; k + chains * lanes <= count; k += chains * lanes) {
#pragma GCC unroll 4
    for (size_t i = 0; i < chains; ++i) sums[i] = fma(zero, Vector<T>::load(values + k + i * lanes), sums[i]);
  }
  alignas(64) T sum[lanes];
  ((sums[0] + sums[1]) + (sums[2] + sums[3])).store(sum);
  for (; k < count; ++k) sum[0] += values[k] * T(0);
  for (const T lane : sum) {
    if (lane != T(0)) return false;
  }
  return true;
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
