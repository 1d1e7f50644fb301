// The one vector type of the kernels: 16 lanes on every machine, so that layouts and the order of operations are the
// same everywhere. Only the number of registers that it occupies differs (native.hpp).
#pragma once

#include "simd/native.hpp"

#define CHAINRULE_INLINE inline __attribute__((always_inline))

namespace chainrule::simd::CHAINRULE_ISA {
namespace {

constexpr size_t lanes = 16;

template <class T>
constexpr size_t registers = lanes * sizeof(T) / native_bytes;

template <class T>
struct Mask {
  typename Native<T>::Bits part[registers<T>];
};

template <class T>
struct Vector {
  using Scalar = T;
  using Real = typename Native<T>::Real;
  using Bits = typename Native<T>::Bits;
  static constexpr size_t parts = registers<T>;
  static constexpr size_t part_lanes = lanes / parts;

  Real part[parts];

  static CHAINRULE_INLINE Vector broadcast(T value) {
    Vector v;
#pragma GCC unroll 8
    for (size_t i = 0; i < parts; ++i) v.part[i] = value - Real{};
    return v;
  }
  static CHAINRULE_INLINE Vector zero() {
    Vector v;
#pragma GCC unroll 8
    for (size_t i = 0; i < parts; ++i) v.part[i] = Real{};
    return v;
  }
  static CHAINRULE_INLINE Vector load(const T* from) {
    Vector v;
#pragma GCC unroll 8
    for (size_t i = 0; i < parts; ++i) __builtin_memcpy(&v.part[i], from + i * part_lanes, sizeof(Real));
    return v;
  }
  // Copied register by register: a copy of the whole would keep the sums of a tile in memory.
  CHAINRULE_INLINE void store(T* to) const {
#pragma GCC unroll 8
    for (size_t i = 0; i < parts; ++i) __builtin_memcpy(to + i * part_lanes, &part[i], sizeof(Real));
  }
};

// Applies an operation to each native register of its arguments in turn.
template <class T, class Operation, class... Vectors>
CHAINRULE_INLINE Vector<T> map_parts(Operation operation, const Vectors&... v) {
  Vector<T> result;
#pragma GCC unroll 8
  for (size_t i = 0; i < Vector<T>::parts; ++i) result.part[i] = operation(v.part[i]...);
  return result;
}

template <class T, class Comparison>
CHAINRULE_INLINE Mask<T> compare_parts(Comparison comparison, const Vector<T>& a, const Vector<T>& b) {
  Mask<T> result;
#pragma GCC unroll 8
  for (size_t i = 0; i < Vector<T>::parts; ++i) result.part[i] = comparison(a.part[i], b.part[i]);
  return result;
}

template <class T>
CHAINRULE_INLINE Vector<T> operator+(const Vector<T>& a, const Vector<T>& b) {
  return map_parts<T>([](auto x, auto y) { return x + y; }, a, b);
}
template <class T>
CHAINRULE_INLINE Vector<T> operator-(const Vector<T>& a, const Vector<T>& b) {
  return map_parts<T>([](auto x, auto y) { return x - y; }, a, b);
}
template <class T>
CHAINRULE_INLINE Vector<T> operator*(const Vector<T>& a, const Vector<T>& b) {
  return map_parts<T>([](auto x, auto y) { return x * y; }, a, b);
}
template <class T>
CHAINRULE_INLINE Vector<T> operator/(const Vector<T>& a, const Vector<T>& b) {
  return map_parts<T>([](auto x, auto y) { return x / y; }, a, b);
}
template <class T>
CHAINRULE_INLINE Vector<T> operator-(const Vector<T>& a) {
  return map_parts<T>([](auto x) { return -x; }, a);
}

// a * b + c; fused where the instruction set has it.
template <class T>
CHAINRULE_INLINE Vector<T> fma(const Vector<T>& a, const Vector<T>& b, const Vector<T>& c) {
  return map_parts<T>([](auto x, auto y, auto z) { return native_fma(x, y, z); }, a, b, c);
}
// The same in the first P registers; the others are those of c.
template <size_t P, class T>
CHAINRULE_INLINE Vector<T> fma_first(const Vector<T>& a, const Vector<T>& b, const Vector<T>& c) {
  Vector<T> result;
#pragma GCC unroll 8
  for (size_t i = 0; i < Vector<T>::parts; ++i) {
    result.part[i] = i < P ? native_fma(a.part[i], b.part[i], c.part[i]) : c.part[i];
  }
  return result;
}
template <class T>
CHAINRULE_INLINE Vector<T> sqrt(const Vector<T>& a) {
  return map_parts<T>([](auto x) { return native_sqrt(x); }, a);
}
// The second argument if either is NaN.
template <class T>
CHAINRULE_INLINE Vector<T> min(const Vector<T>& a, const Vector<T>& b) {
  return map_parts<T>([](auto x, auto y) { return native_min(x, y); }, a, b);
}
template <class T>
CHAINRULE_INLINE Vector<T> max(const Vector<T>& a, const Vector<T>& b) {
  return map_parts<T>([](auto x, auto y) { return native_max(x, y); }, a, b);
}

template <class T>
CHAINRULE_INLINE Mask<T> less(const Vector<T>& a, const Vector<T>& b) {
  return compare_parts([](auto x, auto y) { return x < y; }, a, b);
}
template <class T>
CHAINRULE_INLINE Mask<T> less_equal(const Vector<T>& a, const Vector<T>& b) {
  return compare_parts([](auto x, auto y) { return x <= y; }, a, b);
}
template <class T>
CHAINRULE_INLINE Mask<T> equal(const Vector<T>& a, const Vector<T>& b) {
  return compare_parts([](auto x, auto y) { return x == y; }, a, b);
}
template <class T>
CHAINRULE_INLINE Vector<T> select(const Mask<T>& mask, const Vector<T>& if_true, const Vector<T>& if_false) {
  return map_parts<T>([](auto m, auto x, auto y) { return m ? x : y; }, mask, if_true, if_false);
}

// Bit i: whether lane i is not zero.
template <class T>
CHAINRULE_INLINE unsigned non_zero_bits(const Vector<T>& a) {
  unsigned bits = 0;
#pragma GCC unroll 8
  for (size_t i = 0; i < Vector<T>::parts; ++i) bits |= non_zero_bits(a.part[i]) << (i * Vector<T>::part_lanes);
  return bits;
}

template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int fraction_bits = 23, bias = 127;
  static constexpr int32_t sign = INT32_MIN, fraction = 0x007fffff, reciprocal = 0x7ef311c7;
};
template <>
struct Format<double> {
  static constexpr int fraction_bits = 52, bias = 1023;
  static constexpr int64_t sign = INT64_MIN, fraction = 0x000fffffffffffff, reciprocal = 0x7fde6238502484ba;
};

// A cast between vector types keeps the bits.
template <class T>
CHAINRULE_INLINE typename Native<T>::Bits to_bits(typename Native<T>::Real value) {
  return (typename Native<T>::Bits)value;
}
template <class T>
CHAINRULE_INLINE typename Native<T>::Real from_bits(typename Native<T>::Bits value) {
  return (typename Native<T>::Real)value;
}

template <class T>
CHAINRULE_INLINE Vector<T> abs(const Vector<T>& a) {
  return map_parts<T>([](auto x) { return from_bits<T>(to_bits<T>(x) & ~Format<T>::sign); }, a);
}
template <class T>
CHAINRULE_INLINE Vector<T> copysign(const Vector<T>& magnitude, const Vector<T>& sign) {
  return map_parts<T>(
      [](auto x, auto y) {
        return from_bits<T>((to_bits<T>(x) & ~Format<T>::sign) | (to_bits<T>(y) & Format<T>::sign));
      },
      magnitude, sign);
}

// Adding this to a number leaves the nearest integer (ties to even) plus the bias of an exponent in its lowest bits.
template <class T>
constexpr double exponent_shift = 1.5 * double(int64_t(1) << Format<T>::fraction_bits) + Format<T>::bias;

// a * factor, rounded to an integer and shifted.
template <class T>
CHAINRULE_INLINE Vector<T> shifted_round(const Vector<T>& a, double factor) {
  return fma(a, Vector<T>::broadcast(T(factor)), Vector<T>::broadcast(T(exponent_shift<T>)));
}
template <class T>
CHAINRULE_INLINE Vector<T> unshifted(const Vector<T>& shifted) {
  return shifted - Vector<T>::broadcast(T(exponent_shift<T>));
}

// 2^n for n + exponent_shift; zero for n = -bias.
template <class T>
CHAINRULE_INLINE Vector<T> power_of_two(const Vector<T>& shifted) {
  return map_parts<T>([](auto x) { return from_bits<T>(to_bits<T>(x) << Format<T>::fraction_bits); }, shifted);
}

// a = mantissa(a) * 2^exponent(a) with mantissa in [1, 2), for positive normal a.
template <class T>
CHAINRULE_INLINE Vector<T> exponent(const Vector<T>& a) {
  return map_parts<T>(
      [](auto x) {
        const auto biased = to_bits<T>(x) >> Format<T>::fraction_bits;
        return __builtin_convertvector(biased - Format<T>::bias, typename Native<T>::Real);
      },
      a);
}
template <class T>
CHAINRULE_INLINE Vector<T> mantissa(const Vector<T>& a) {
  return map_parts<T>(
      [](auto x) {
        using Integer = decltype(Format<T>::sign + 0);
        const Integer one = Integer(Format<T>::bias) << Format<T>::fraction_bits;
        return from_bits<T>((to_bits<T>(x) & Format<T>::fraction) | one);
      },
      a);
}

// 1 / a to within an eighth, for positive normal a with a normal reciprocal.
template <class T>
CHAINRULE_INLINE Vector<T> reciprocal_guess(const Vector<T>& a) {
  return map_parts<T>([](auto x) { return from_bits<T>(Format<T>::reciprocal - to_bits<T>(x)); }, a);
}

}  // namespace
}  // namespace chainrule::simd::CHAINRULE_ISA
