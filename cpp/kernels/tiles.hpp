// The tile of a product in mixed precision (pairs.hpp) on a matrix unit: AMX, or one that a test emulates, which
// defines the same operations. Registers are numbers in an instruction, so that they must be literals.
#pragma once

#include "kernels/sums.hpp"

#if defined(__AMX_BF16__)
#include <immintrin.h>
#define CHAINRULE_TILES
#define CHAINRULE_START_TILES(config) _tile_loadconfig(config)
#define CHAINRULE_END_TILES() _tile_release()
#define CHAINRULE_LOAD_TILE(tile, from, stride) _tile_loadd(tile, from, stride)
#define CHAINRULE_STORE_TILE(tile, to, stride) _tile_stored(tile, to, stride)
#define CHAINRULE_MULTIPLY_TILES(c, a, b) _tile_dpbf16ps(c, a, b)
#endif

#if defined(CHAINRULE_TILES)

namespace chainrule::CHAINRULE_ISA {
namespace {

// Two by two tiles of 16 by 16 sums.
constexpr size_t tile_rows = 2 * panel_width, tile_panels = 2;

struct TileConfig {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// Makes the compiler write memory that the unit will read. GCC's functions for tiles do not tell it that they do.
CHAINRULE_INLINE void write_out(const void* memory) { __asm__ volatile("" : : "r"(memory) : "memory"); }

// Eight registers of 16 rows of 64 bytes each. A guard that ends their use would refer to the runtime's symbol for
// exceptions, and kernels share no symbol.
inline void start_tiles() {
  TileConfig config;
  for (size_t i = 0; i < 8; ++i) {
    config.row_bytes[i] = 64;
    config.rows[i] = 16;
  }
  write_out(&config);
  CHAINRULE_START_TILES(&config);
}

// Adds all blocks to the sums of two by two tiles, [32][32].
CHAINRULE_INLINE void add_blocks(const uint16_t* a, size_t a_tiles, const uint16_t* b, size_t b_panel, size_t blocks,
                                 float* sums) {
  constexpr size_t tile = pair_block * panel_width, row = tile_panels * panel_width * sizeof(float);
  float* const lower = sums + panel_width * tile_panels * panel_width;
  write_out(sums);
  CHAINRULE_LOAD_TILE(0, sums, row);
  CHAINRULE_LOAD_TILE(1, sums + panel_width, row);
  CHAINRULE_LOAD_TILE(2, lower, row);
  CHAINRULE_LOAD_TILE(3, lower + panel_width, row);
  for (size_t i = 0; i < blocks; ++i, a += tile, b += tile) {
    CHAINRULE_LOAD_TILE(4, a, 64);
    CHAINRULE_LOAD_TILE(5, a + a_tiles, 64);
    CHAINRULE_LOAD_TILE(6, b, 64);
    CHAINRULE_LOAD_TILE(7, b + b_panel, 64);
    CHAINRULE_MULTIPLY_TILES(0, 4, 6);
    CHAINRULE_MULTIPLY_TILES(1, 4, 7);
    CHAINRULE_MULTIPLY_TILES(2, 5, 6);
    CHAINRULE_MULTIPLY_TILES(3, 5, 7);
  }
  CHAINRULE_STORE_TILE(0, sums, row);
  CHAINRULE_STORE_TILE(1, sums + panel_width, row);
  CHAINRULE_STORE_TILE(2, lower, row);
  CHAINRULE_STORE_TILE(3, lower + panel_width, row);
}

// Where a row or a panel is missing, the unit reads the one before again, and the sums are not stored.
template <class Target>
void matrix_tile(const Product<float>& product, const TileOrigin& origin, const Target& target) {
  alignas(64) float buffer[tile_rows * tile_panels * panel_width] = {};
  const Sums<float> sums = target.sums(origin);
  const auto for_each_sum = [&](auto function) {
    for (size_t r = 0; r < origin.rows; ++r) {
      for (size_t q = 0; q < origin.panels; ++q) function(r, q, buffer + (r * tile_panels + q) * panel_width);
    }
  };
  for_each_sum([&](size_t r, size_t q, float* at) {
    Vector<float> sum[1][1];
    start_sums(
        {.to = sums.to + r * sums.row + q * sums.panel, .row = 0, .panel = 0, .start = sums.start, .bias = sums.bias},
        origin.panel + q, sum);
    sum[0][0].store(at);
  });
  const size_t a_tiles = paired_size(product.inner), first = (origin.row - product.rows.begin) / panel_width;
  const uint16_t* a = reinterpret_cast<const uint16_t*>(product.a) + first * a_tiles;
  add_blocks(a, origin.rows > panel_width ? a_tiles : 0, product.b_pairs + origin.panel * product.b_panel,
             origin.panels > 1 ? product.b_panel : 0, whole_blocks(product.inner) / pair_block, buffer);
  for_each_sum([&](size_t r, size_t q, const float* at) {
    const Vector<float> sum[1][1] = {{Vector<float>::load(at)}};
    store_sums(
        {.to = sums.to + r * sums.row + q * sums.panel, .row = 0, .panel = 0, .end = sums.end, .rate = sums.rate}, sum);
  });
  target.finish(origin);
}

// The loop over rows is the inner one, so that the panels of B stay in the cache.
template <class Target>
void matrix_tiles(const Product<float>& product, const Target& target) {
  start_tiles();
  for (size_t panel = product.panels.begin; panel < product.panels.end; panel += tile_panels) {
    const size_t panels = product.panels.end - panel;
    for (size_t row = product.rows.begin; row < product.rows.end; row += tile_rows) {
      const size_t rows = product.rows.end - row;
      const TileOrigin origin = {.row = row,
                                 .rows = rows < tile_rows ? rows : tile_rows,
                                 .panel = panel,
                                 .panels = panels < tile_panels ? panels : tile_panels};
      matrix_tile(product, origin, target);
    }
  }
  CHAINRULE_END_TILES();
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA

#endif
