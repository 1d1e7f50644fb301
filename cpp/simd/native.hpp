// The widest register of the instruction set that this file is compiled for, as GCC's and clang's vector types, and the
// operations that those types lack. Everything else in simd/ is written once, on top of this.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
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
inline NativeFloat native_min(NativeFloat a, NativeFloat b) { return _mm512_maskz_min_ps(0xffff, a, b); }
inline NativeDouble native_min(NativeDouble a, NativeDouble b) { return _mm512_maskz_min_pd(0xff, a, b); }
inline NativeFloat native_max(NativeFloat a, NativeFloat b) { return _mm512_maskz_max_ps(0xffff, a, b); }
inline NativeDouble native_max(NativeDouble a, NativeDouble b) { return _mm512_maskz_max_pd(0xff, a, b); }
#elif defined(__AVX2__)
inline NativeFloat native_fma(NativeFloat a, NativeFloat b, NativeFloat c) { return _mm256_fmadd_ps(a, b, c); }
inline NativeDouble native_fma(NativeDouble a, NativeDouble b, NativeDouble c) { return _mm256_fmadd_pd(a, b, c); }
inline NativeFloat native_sqrt(NativeFloat a) { return _mm256_sqrt_ps(a); }
inline NativeDouble native_sqrt(NativeDouble a) { return _mm256_sqrt_pd(a); }
inline NativeFloat native_min(NativeFloat a, NativeFloat b) { return _mm256_min_ps(a, b); }
inline NativeDouble native_min(NativeDouble a, NativeDouble b) { return _mm256_min_pd(a, b); }
inline NativeFloat native_max(NativeFloat a, NativeFloat b) { return _mm256_max_ps(a, b); }
inline NativeDouble native_max(NativeDouble a, NativeDouble b) { return _mm256_max_pd(a, b); }
#elif defined(__aarch64__)
inline NativeFloat native_fma(NativeFloat a, NativeFloat b, NativeFloat c) { return vfmaq_f32(c, a, b); }
inline NativeDouble native_fma(NativeDouble a, NativeDouble b, NativeDouble c) { return vfmaq_f64(c, a, b); }
inline NativeFloat native_sqrt(NativeFloat a) { return vsqrtq_f32(a); }
inline NativeDouble native_sqrt(NativeDouble a) { return vsqrtq_f64(a); }
#else
// The baseline has no fused multiply-add: it rounds twice, and is compared with the reference within a tolerance only.
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

// As on x86, on every machine: the second argument if either is NaN.
#if !defined(__AVX2__)
template <class Real>
inline Real native_min(Real a, Real b) {
  return a < b ? a : b;
}
template <class Real>
inline Real native_max(Real a, Real b) {
  return a > b ? a : b;
}
#endif

// The first numbers of a register, and zeros; what comes after them in memory is neither read nor changed.
#if defined(__AVX512F__)
inline NativeFloat native_load_first(const float* from, size_t count) {
  return _mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), from);
}
inline NativeDouble native_load_first(const double* from, size_t count) {
  return _mm512_maskz_loadu_pd(__mmask8((1u << count) - 1), from);
}
inline void native_store_first(NativeFloat a, float* to, size_t count) {
  _mm512_mask_storeu_ps(to, __mmask16((1u << count) - 1), a);
}
inline void native_store_first(NativeDouble a, double* to, size_t count) {
  _mm512_mask_storeu_pd(to, __mmask8((1u << count) - 1), a);
}
#elif defined(__AVX2__)
inline NativeFloat native_load_first(const float* from, size_t count) {
  const __m256i lane = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
  return _mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(int(count)), lane));
}
inline NativeDouble native_load_first(const double* from, size_t count) {
  const __m256i lane = _mm256_set_epi64x(3, 2, 1, 0);
  return _mm256_maskload_pd(from, _mm256_cmpgt_epi64(_mm256_set1_epi64x(int64_t(count)), lane));
}
#endif

// Signed bytes, one per lane.
template <class T>
inline typename Native<T>::Bits native_load_bytes(const int8_t* from) {
  typedef int8_t Bytes __attribute__((vector_size(native_bytes / sizeof(T))));
  Bytes bytes;
  __builtin_memcpy(&bytes, from, sizeof(Bytes));
  return __builtin_convertvector(bytes, typename Native<T>::Bits);
}
// GCC 12 would convert them one by one.
#if defined(__AVX512F__)
template <>
inline Native<float>::Bits native_load_bytes<float>(const int8_t* from) {
  return Native<float>::Bits(_mm512_maskz_cvtepi8_epi32(0xffff, _mm_loadu_si128((const __m128i*)from)));
}
template <>
inline Native<double>::Bits native_load_bytes<double>(const int8_t* from) {
  return Native<double>::Bits(_mm512_maskz_cvtepi8_epi64(0xff, _mm_loadu_si64(from)));
}
#elif defined(__AVX2__)
template <>
inline Native<float>::Bits native_load_bytes<float>(const int8_t* from) {
  return Native<float>::Bits(_mm256_cvtepi8_epi32(_mm_loadu_si64(from)));
}
template <>
inline Native<double>::Bits native_load_bytes<double>(const int8_t* from) {
  return Native<double>::Bits(_mm256_cvtepi8_epi64(_mm_loadu_si32(from)));
}
#endif

// One bit per lane: whether it is not zero.
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

// Appends first + i for each bit i of 16 that is set. The list must have space for 16 numbers, whichever bits are set.
#if defined(__AVX512F__)
inline uint32_t* append_set_bits(unsigned bits, uint32_t first, uint32_t* list) {
  const __m512i numbers = _mm512_add_epi32(_mm512_set1_epi32(int(first)),
                                           _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  _mm512_storeu_si512(list, _mm512_maskz_compress_epi32(__mmask16(bits), numbers));
  return list + __builtin_popcount(bits);
}
#else
inline uint32_t* append_set_bits(unsigned bits, uint32_t first, uint32_t* list) {
  for (; bits != 0; bits &= bits - 1) *list++ = first + uint32_t(__builtin_ctz(bits));
  return list;
}
#endif

}  // namespace
}  // namespace chainrule::simd::CHAINRULE_ISA
