// Blocks of random words: Philox 4x64-10 (Salmon et al. 2011) as in base/random.hpp, with one block per lane.
#pragma once

#include "kernels/table.hpp"
#include "simd/native.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

constexpr size_t block_lanes = native_bytes / sizeof(uint64_t);
constexpr uint64_t low_half = 0xffffffff;

struct WideProduct {
  NativeWords high, low;
};

// The 128 bits of each product, from those of the halves.
inline WideProduct multiply_wide(NativeWords a, uint64_t factor) {
  const NativeWords high = NativeWords{} + (factor >> 32), low = NativeWords{} + (factor & low_half);
  const NativeWords a_high = a >> 32;
  const NativeWords low_low = multiply_low_halves(a, low);
  const NativeWords middle = multiply_low_halves(a, high) + (low_low >> 32);
  const NativeWords other_middle = multiply_low_halves(a_high, low) + (middle & low_half);
  return {.high = multiply_low_halves(a_high, high) + (middle >> 32) + (other_middle >> 32),
          .low = (other_middle << 32) | (low_low & low_half)};
}

// The blocks of the next counters, one per lane.
inline void write_blocks(const RandomBlocks& r, uint64_t first, uint64_t* to) {
  uint64_t counters[block_lanes];
  for (size_t i = 0; i < block_lanes; ++i) counters[i] = r.counter[0] + first + i + 1;
  NativeWords x[4];
  __builtin_memcpy(&x[0], counters, sizeof(counters));
  for (size_t word = 1; word < 4; ++word) x[word] = NativeWords{} + r.counter[word];
  uint64_t key[2] = {r.key[0], r.key[1]};
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const WideProduct p = multiply_wide(x[0], 0xD2E7470EE14C6C93), q = multiply_wide(x[2], 0xCA5A826395121157);
    x[0] = q.high ^ x[1] ^ key[0];
    x[1] = q.low;
    x[2] = p.high ^ x[3] ^ key[1];
    x[3] = p.low;
    key[0] += 0x9E3779B97F4A7C15;
    key[1] += 0xBB67AE8584CAA73B;
  }
  for (size_t i = 0; i < block_lanes; ++i) {
    for (size_t word = 0; word < 4; ++word) to[i * 4 + word] = x[word][i];
  }
}

void random_blocks(const RandomBlocks& r) {
  for (size_t first = 0; first < r.blocks; first += block_lanes) write_blocks(r, first, r.to + 4 * first);
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
