// The tiles of the matrix unit, on one that is emulated by fused multiply-adds in the order of operations of AMX's
// TDPBF16PS. The kernels are the same lines as on a processor that has the unit.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

// Eight registers of 16 rows of 64 bytes.
struct EmulatedUnit {
  unsigned char rows[8][16][64] = {};
  bool started = false;

  void zero(int tile) { std::memset(rows[tile], 0, sizeof(rows[tile])); }
  void load(int tile, const void* from, size_t stride) {
    for (size_t i = 0; i < 16; ++i) std::memcpy(rows[tile][i], static_cast<const char*>(from) + i * stride, 64);
  }
  void store(int tile, void* to, size_t stride) const {
    for (size_t i = 0; i < 16; ++i) std::memcpy(static_cast<char*>(to) + i * stride, rows[tile][i], 64);
  }
  float sum(int tile, size_t row, size_t column) const {
    float value;
    std::memcpy(&value, rows[tile][row] + column * sizeof(value), sizeof(value));
    return value;
  }
  float factor(int tile, size_t row, size_t place) const {
    uint16_t half;
    std::memcpy(&half, rows[tile][row] + place * sizeof(half), sizeof(half));
    const uint32_t bits = uint32_t(half) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  void multiply(int c, int a, int b) {
    for (size_t m = 0; m < 16; ++m) {
      for (size_t n = 0; n < 16; ++n) {
        float even = 0, odd = 0;
        for (size_t k = 0; k < 16; ++k) {
          even = std::fma(factor(a, m, 2 * k), factor(b, k, 2 * n), even);
          odd = std::fma(factor(a, m, 2 * k + 1), factor(b, k, 2 * n + 1), odd);
        }
        const float result = sum(c, m, n) + (even + odd);
        std::memcpy(rows[c][m] + n * sizeof(result), &result, sizeof(result));
      }
    }
  }
};

EmulatedUnit unit;

}  // namespace

#if !defined(__AMX_BF16__)
#define CHAINRULE_TILES
#define CHAINRULE_START_TILES(config) unit.started = (config) != nullptr
#define CHAINRULE_END_TILES() unit.started = false
#define CHAINRULE_ZERO_TILE(tile) unit.zero(tile)
#define CHAINRULE_LOAD_TILE(tile, from, stride) unit.load(tile, from, stride)
#define CHAINRULE_STORE_TILE(tile, to, stride) unit.store(tile, to, stride)
#define CHAINRULE_MULTIPLY_TILES(c, a, b) unit.multiply(c, a, b)
#endif

#include "base/flush_denormals.hpp"
#include "base/matrix_unit.hpp"
#include "kernels/dense.hpp"
#include "kernels/windows.hpp"
#include "tests/mixed.hpp"

int main() {
  namespace isa = chainrule::CHAINRULE_ISA;
#if defined(__AMX_BF16__)
  // The real unit wants to be asked for in each process.
  chainrule::tests::expect(chainrule::may_use_matrix_unit(), "the unit may be used");
#endif
  const chainrule::FlushDenormals flush;
  const chainrule::MixedKernels<float> factors = {
      isa::take_factors, isa::pair, isa::take_windows, isa::pair_windows, isa::transpose_pairs, isa::follows_lists};
  chainrule::tests::test_mixed({factors, isa::forward<float>, isa::weight_gradient<float>});
  chainrule::tests::expect(!unit.started, "the unit is given back");
  return chainrule::tests::result();
}
