// The widest register of the instruction set that this file is compiled for, as GCC's and clang's vector types, and the
// two operations that those types lack. Everything else in simd/ is written once, on top of this.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace chainrule::simd::CHAINRULE_ISA {
namespace {

#if defined(__AVX512F__)
constexpr size_t native_bytes = 64;
#elif defined(__AVX2__)
constexpr size_t native_bytes = 32;
#else
constexpr size_t native_bytes = 16;
#endif

// Bits is the signed integer of the same width: comparisons give it, and exponents are built in it.
template <class T>
struct Native;

template <>
struct Native<float> {
  typedef float Real __attribute__((vector_size(native_bytes)));
  typedef int32_t Bits __attribute__((vector_size(native_bytes)));
};

template <>
struct Native<double> {
  typedef double Real __attribute__((vector_size(native_bytes)));
  typedef int64_t Bits __attribute__((vector_size(native_bytes)));
};

using NativeFloat = Native<float>::Real;
using NativeDouble = Native<double>::Real;

#if defined(__AVX512F__)
inline NativeFloat native_fma(NativeFloat a, NativeFloat b, NativeFloat c) { return _mm512_fmadd_ps(a, b, c); }
inline NativeDouble native_fma(NativeDouble a, NativeDouble b, NativeDouble c) { return _mm512_fmadd_pd(a, b, c); }
inline NativeFloat native_sqrt(NativeFloat a) { return _mm512_maskz_sqrt_ps(0xffff, a); }
inline NativeDouble native_sqrt(NativeDouble a) { return _mm512_maskz_sqrt_pd(0xff, a); }
#elif defined(__AVX2__)
inline NativeFloat native_fma(NativeFloat a, NativeFloat b, NativeFloat c) { return _mm256_fmadd_ps(a, b, c); }
inline NativeDouble native_fma(NativeDouble a, NativeDouble b, NativeDouble c) { return _mm256_fmadd_pd(a, b, c); }
inline NativeFloat native_sqrt(NativeFloat a) { return _mm256_sqrt_ps(a); }
inline NativeDouble native_sqrt(NativeDouble a) { return _mm256_sqrt_pd(a); }
#elif defined(__aarch64__)
inline NativeFloat native_fma(NativeFloat a, NativeFloat b, NativeFloat c) { return vfmaq_f32(c, a, b); }
inline NativeDouble native_fma(NativeDouble a, NativeDouble b, NativeDouble c) { return vfmaq_f64(c, a, b); }
inline NativeFloat native_sqrt(NativeFloat a) { return vsqrtq_f32(a); }
inline NativeDouble native_sqrt(NativeDouble a) { return vsqrtq_f64(a); }
#else
// No fused multiply-add: the baseline rounds twice, and is held to the reference within tolerance only.
inline NativeFloat native_fma(NativeFloat a, NativeFloat b, NativeFloat c) { return a * b + c; }
inline NativeDouble native_fma(NativeDouble a, NativeDouble b, NativeDouble c) { return a * b + c; }
inline NativeFloat native_sqrt(NativeFloat a) {
  for (size_t i = 0; i < native_bytes / sizeof(float); ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
inline NativeDouble native_sqrt(NativeDouble a) {
  for (size_t i = 0; i < native_bytes / sizeof(double); ++i) a[i] = __builtin_sqrt(a[i]);
  return a;
}
#endif

// A bit for each lane: whether it is not zero.
#if defined(__AVX512F__)
inline unsigned non_zero_bits(NativeFloat a) { return _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_NEQ_UQ); }
inline unsigned non_zero_bits(NativeDouble a) { return _mm512_cmp_pd_mask(a, _mm512_setzero_pd(), _CMP_NEQ_UQ); }
#elif defined(__AVX2__)
inline unsigned non_zero_bits(NativeFloat a) {
  return unsigned(_mm256_movemask_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_NEQ_UQ)));
}
inline unsigned non_zero_bits(NativeDouble a) {
  return unsigned(_mm256_movemask_pd(_mm256_cmp_pd(a, _mm256_setzero_pd(), _CMP_NEQ_UQ)));
}
#else
template <class Real>
inline unsigned non_zero_bits(Real a) {
  unsigned bits = 0;
  for (unsigned i = 0; i < sizeof(a) / sizeof(a[0]); ++i) bits |= unsigned(a[i] != 0) << i;
  return bits;
}
#endif

}  // namespace
}  // namespace chainrule::simd::CHAINRULE_ISA
