// The sums of a tile: how many the registers hold, how they begin, and where they end.
#pragma once

#include "kernels/table.hpp"
#include "simd/vector.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

// Registers used for sums: 24 of 32 leave enough for two vectors of B and an element of A; 12 of 16 likewise. The
// baseline multiplies and adds separately, which needs more.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t sum_registers = 24;
#elif defined(__AVX2__)
constexpr size_t sum_registers = 12;
#else
constexpr size_t sum_registers = 8;
#endif

// Sums of a tile, in vectors. The tallest tile has one panel, or two if 16 lanes are one register: an element of A is
// then loaded once for both.
template <class T>
constexpr size_t tile_sums = sum_registers / registers<T>;
template <class T>
constexpr size_t tallest = tile_sums<T> / (registers<T> == 1 ? 2 : 1);

enum class Start { zero, bias, memory };
// A sum is stored, or is a gradient that updates a weight: w - rate * sum.
enum class End { store, descend };

// The initial value of a tile's sums, and where they are stored: vector (r, q) at to[r * row + q * panel].
template <class T>
struct Sums {
  T* to;
  size_t row, panel;
  Start start = Start::zero;
  const T* bias = nullptr;
  End end = End::store;
  T rate = T(0);
};

// Where a tile begins in C, and its size.
struct TileOrigin {
  size_t row, rows, panel, panels;
};

template <class T>
struct Inner {
  const T* a;  // of the tile's first row
  const uint32_t* index;
  size_t count;
};

template <class T>
CHAINRULE_INLINE Vector<T> start_of(const Sums<T>& sums, size_t panel, size_t r, size_t q) {
  if (sums.start == Start::bias) return Vector<T>::load(sums.bias + (panel + q) * panel_width);
  if (sums.start == Start::memory) return Vector<T>::load(sums.to + r * sums.row + q * sums.panel);
  return Vector<T>::zero();
}

template <class T, size_t R, size_t Q>
CHAINRULE_INLINE void start_sums(const Sums<T>& sums, size_t panel, Vector<T> (&sum)[R][Q]) {
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) {
      if (sums.start == Start::bias) {
        sum[r][q] = Vector<T>::load(sums.bias + (panel + q) * panel_width);
      } else if (sums.start == Start::memory) {
        sum[r][q] = Vector<T>::load(sums.to + r * sums.row + q * sums.panel);
      } else {
        sum[r][q] = Vector<T>::zero();
      }
    }
  }
}

template <class T, size_t R, size_t Q>
CHAINRULE_INLINE void store_sums(const Sums<T>& sums, const Vector<T> (&sum)[R][Q]) {
  if (sums.end == End::descend) {
    const Vector<T> down = Vector<T>::broadcast(-sums.rate);
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) {
        T* w = sums.to + r * sums.row + q * sums.panel;
        fma(down, sum[r][q], Vector<T>::load(w)).store(w);
      }
    }
    return;
  }
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) sum[r][q].store(sums.to + r * sums.row + q * sums.panel);
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
