// The one micro-kernel: a tile of rows by panels of C, all of whose sums stay in registers over the whole inner index.
// Tiles share out the outputs, never the inner index, so their size does not change a bit of the result.
#pragma once

#include "kernels/table.hpp"
#include "simd/vector.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

// Registers for sums, of those that the machine has: 24 of 32 leave room for two vectors of B, an element of A and
// addresses; 12 of 16 likewise. The baseline multiplies and adds apart, which takes one more.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t sum_registers = 24;
#elif defined(__AVX2__)
constexpr size_t sum_registers = 12;
#else
constexpr size_t sum_registers = 8;
#endif

// Two panels abreast load an element of A once for both; wide vectors have no room for that.
template <class T>
constexpr size_t tile_panels = registers<T> == 1 ? 2 : 1;
template <class T>
constexpr size_t tile_rows = sum_registers / (registers<T> * tile_panels<T>);

enum class Start { zero, bias, memory };

template <class T, size_t R, size_t Q>
CHAINRULE_INLINE void tile(const Product<T>& product, size_t row, size_t panel, Start start, const T* bias, T* to,
                           size_t to_row, size_t to_panel) {
  Vector<T> sum[R][Q];
#pragma GCC unroll 24
  for (size_t r = 0; r < R; ++r) {
    for (size_t q = 0; q < Q; ++q) {
      if (start == Start::bias) {
        sum[r][q] = Vector<T>::load(bias + (panel + q) * panel_width);
      } else if (start == Start::memory) {
        sum[r][q] = Vector<T>::load(to + r * to_row + q * to_panel);
      } else {
        sum[r][q] = Vector<T>::zero();
      }
    }
  }
  const T* a = product.a + row * product.a_row;
  const T* b = product.b + panel * product.b_panel;
  for (size_t k = 0; k < product.inner; ++k) {
    Vector<T> column[Q];
    for (size_t q = 0; q < Q; ++q) column[q] = Vector<T>::load(b + q * product.b_panel);
#pragma GCC unroll 24
    for (size_t r = 0; r < R; ++r) {
      const Vector<T> element = Vector<T>::broadcast(a[r * product.a_row]);
#pragma GCC unroll 2
      for (size_t q = 0; q < Q; ++q) sum[r][q] = fma(element, column[q], sum[r][q]);
    }
    a += product.a_inner;
    b += product.b_inner;
  }
#pragma GCC unroll 24
  for (size_t r = 0; r < R; ++r) {
    for (size_t q = 0; q < Q; ++q) sum[r][q].store(to + r * to_row + q * to_panel);
  }
}

// A tile of `rows` <= R rows: the number of rows becomes a constant on the way down.
template <class T, size_t R, size_t Q>
void tile_of(size_t rows, const Product<T>& product, size_t row, size_t panel, Start start, const T* bias, T* to,
             size_t to_row, size_t to_panel) {
  if (rows == R) {
    tile<T, R, Q>(product, row, panel, start, bias, to, to_row, to_panel);
  } else if constexpr (R > 1) {
    tile_of<T, R - 1, Q>(rows, product, row, panel, start, bias, to, to_row, to_panel);
  }
}

// Calls compute(row, rows, panel, panels) for every tile; panels outside, so that a panel of B stays in the cache.
template <class T, class Compute>
CHAINRULE_INLINE void for_each_tile(const Product<T>& product, Compute compute) {
  for (size_t panel = product.panels.begin; panel < product.panels.end;) {
    const size_t left = product.panels.end - panel;
    const size_t panels = left < tile_panels<T> ? left : tile_panels<T>;
    for (size_t row = product.rows.begin; row < product.rows.end;) {
      const size_t rows_left = product.rows.end - row;
      const size_t rows = rows_left < tile_rows<T> ? rows_left : tile_rows<T>;
      compute(row, rows, panel, panels);
      row += rows;
    }
    panel += panels;
  }
}

// One tile into `to`, whose vector (r, q) begins at to[r * to_row + q * to_panel].
template <class T>
CHAINRULE_INLINE void compute_tile(const Product<T>& product, size_t row, size_t rows, size_t panel, size_t panels,
                                   Start start, const T* bias, T* to, size_t to_row, size_t to_panel) {
  if (panels == tile_panels<T>) {
    tile_of<T, tile_rows<T>, tile_panels<T>>(rows, product, row, panel, start, bias, to, to_row, to_panel);
  } else {
    tile_of<T, tile_rows<T>, 1>(rows, product, row, panel, start, bias, to, to_row, to_panel);
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
