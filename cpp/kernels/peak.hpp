// The peak performance of the machine: independent fused multiply-adds.
#pragma once

#include "kernels/product.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

template <class T>
double peak(size_t rounds, T* results) {
  constexpr size_t chains = tile_sums<T>;
  Vector<T> sum[chains];
#pragma GCC unroll 24
  for (size_t i = 0; i < chains; ++i) sum[i] = Vector<T>::broadcast(T(i));
  Vector<T> factor = Vector<T>::broadcast(T(0.5));
  for (size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (size_t i = 0; i < chains; ++i) sum[i] = fma(factor, sum[i], factor);
  }
  Vector<T> total = Vector<T>::zero();
  for (size_t i = 0; i < chains; ++i) total = total + sum[i];
  total.store(results);
  return double(rounds) * double(chains * lanes);
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
