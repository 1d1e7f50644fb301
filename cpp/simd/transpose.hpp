// The transpose of a block of 16 by 16, in registers.
#pragma once

#include "simd/vector.hpp"

namespace chainrule::simd::CHAINRULE_ISA {
namespace {

template <size_t... i>
struct Indices {};

template <size_t n, size_t... i>
struct MakeIndices : MakeIndices<n - 1, n - 1, i...> {};
template <size_t... i>
struct MakeIndices<0, i...> {
  using type = Indices<i...>;
};

// Exchanges the 2 x 2 blocks of `step` lanes of two rows across the diagonal.
template <size_t step, class Real, size_t... i>
CHAINRULE_INLINE void exchange(Real& a, Real& b, Indices<i...>) {
  constexpr size_t n = sizeof...(i);
  const Real low = __builtin_shufflevector(a, b, (i / step % 2 == 0 ? i : n + i - step)...);
  const Real high = __builtin_shufflevector(a, b, (i / step % 2 == 0 ? i + step : n + i)...);
  a = low;
  b = high;
}

template <size_t n, size_t step, class Real>
CHAINRULE_INLINE void transpose_square(Real (&row)[n]) {
#pragma GCC unroll 16
  for (size_t i = 0; i < n; ++i) {
    if ((i & step) == 0) exchange<step>(row[i], row[i + step], typename MakeIndices<n>::type{});
  }
  if constexpr (2 * step < n) transpose_square<n, 2 * step>(row);
}

// Rows of 16, `from_stride` and `to_stride` apart; the first `rows` of the result are written.
template <class T>
CHAINRULE_INLINE void transpose_block(const T* from, size_t from_stride, T* to, size_t to_stride, size_t rows) {
  using Real = typename Native<T>::Real;
  constexpr size_t n = native_bytes / sizeof(T);
  for (size_t i = 0; i < lanes; i += n) {
    for (size_t j = 0; j < rows; j += n) {
      Real row[n];
#pragma GCC unroll 16
      for (size_t r = 0; r < n; ++r) __builtin_memcpy(&row[r], from + (i + r) * from_stride + j, sizeof(Real));
      transpose_square<n, 1>(row);
#pragma GCC unroll 16
      for (size_t r = 0; r < n; ++r) {
        if (j + r < rows) __builtin_memcpy(to + (j + r) * to_stride + i, &row[r], sizeof(Real));
      }
    }
  }
}

// The same for contiguous rows.
template <class T>
CHAINRULE_INLINE void transpose_block(const T* from, T* to, size_t rows) {
  transpose_block(from, lanes, to, lanes, rows);
}

}  // namespace
}  // namespace chainrule::simd::CHAINRULE_ISA
