// Vectors of which only the first lanes are there: what comes after them in memory is neither read nor changed.
#pragma once

#include "kernels/table.hpp"
#include "simd/vector.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

// Copies fewer values than a vector has; the longer runs in two pieces that may overlap.
template <class T>
CHAINRULE_INLINE void copy_part(const T* from, T* to, size_t count) {
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

// How many of `count` lanes are in register i of a vector.
template <class T>
constexpr size_t count_in(size_t i, size_t count) {
  constexpr size_t width = Vector<T>::part_lanes;
  return count <= i * width ? 0 : count - i * width < width ? count - i * width : width;
}

// The other lanes are zero. A count beyond the last lane means all of them, here and below.
template <class T>
CHAINRULE_INLINE Vector<T> load_part(const T* from, size_t count) {
  if (count >= lanes) return Vector<T>::load(from);
#if defined(__AVX2__)
  Vector<T> v;
  for (size_t i = 0; i < Vector<T>::parts; ++i) {
    v.part[i] = native_load_first(from + i * Vector<T>::part_lanes, count_in<T>(i, count));
  }
  return v;
#else
  alignas(64) T values[lanes] = {};
  copy_part(from, values, count);
  return Vector<T>::load(values);
#endif
}

// Registers of AVX2 are not stored in parts: some processors take tens of cycles for it.
template <class T>
CHAINRULE_INLINE void store_part(const Vector<T>& v, T* to, size_t count) {
  if (count >= lanes) return v.store(to);
#if defined(__AVX512F__)
  for (size_t i = 0; i < Vector<T>::parts; ++i) {
    native_store_first(v.part[i], to + i * Vector<T>::part_lanes, count_in<T>(i, count));
  }
#else
  alignas(64) T values[lanes];
  v.store(values);
  copy_part(values, to, count);
#endif
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
