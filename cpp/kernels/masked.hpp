// Values that a mask keeps, times a factor; the others become zero.
#pragma once

#include "kernels/table.hpp"
#include "simd/vector.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

template <class T>
CHAINRULE_INLINE Mask<T> load_mask(const int8_t* from) {
  Mask<T> mask;
#pragma GCC unroll 8
  for (size_t i = 0; i < Vector<T>::parts; ++i) {
    mask.part[i] = native_load_bytes<T>(from + i * Vector<T>::part_lanes);
  }
  return mask;
}

template <class T>
void multiply_masked(const Masked<T>& m) {
  const Vector<T> factor = Vector<T>::broadcast(m.factor);
  for (size_t first = 0; first < m.size; first += m.group) {
    const T* from = m.from + first;
    T* to = m.to + first;
    size_t k = 0;
    for (; k + lanes <= m.group; k += lanes) {
      select(load_mask<T>(m.mask + k), Vector<T>::load(from + k) * factor, Vector<T>::zero()).store(to + k);
    }
    for (; k < m.group; ++k) to[k] = m.mask[k] != 0 ? from[k] * m.factor : T(0);
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
