// The tile of a product in mixed precision (pairs.hpp) on a matrix unit: AMX, or one that a test emulates, which
// defines the same operations. Registers are numbers in an instruction, so that they must be literals.
#pragma once

#include "kernels/sums.hpp"

#if defined(__AMX_BF16__)
#include <immintrin.h>
#define CHAINRULE_TILES
#define CHAINRULE_START_TILES(config) _tile_loadconfig(config)
#define CHAINRULE_END_TILES() _tile_release()
#define CHAINRULE_ZERO_TILE(tile) _tile_zero(tile)
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

// The distances of sums in memory: of the rows of a tile, of the lower tiles from the upper ones, and of two panels.
struct TileSteps {
  size_t row, lower, panel;
};

constexpr TileSteps buffer_steps = {
    .row = tile_panels * panel_width, .lower = panel_width * tile_panels * panel_width, .panel = panel_width};

CHAINRULE_INLINE void zero_tiles() {
  CHAINRULE_ZERO_TILE(0);
  CHAINRULE_ZERO_TILE(1);
  CHAINRULE_ZERO_TILE(2);
  CHAINRULE_ZERO_TILE(3);
}

CHAINRULE_INLINE void load_tiles(const float* from, const TileSteps& steps) {
  const size_t row = steps.row * sizeof(float);
  write_out(from);
  CHAINRULE_LOAD_TILE(0, from, row);
  CHAINRULE_LOAD_TILE(1, from + steps.panel, row);
  CHAINRULE_LOAD_TILE(2, from + steps.lower, row);
  CHAINRULE_LOAD_TILE(3, from + steps.lower + steps.panel, row);
}

CHAINRULE_INLINE void store_tiles(float* to, const TileSteps& steps) {
  const size_t row = steps.row * sizeof(float);
  CHAINRULE_STORE_TILE(0, to, row);
  CHAINRULE_STORE_TILE(1, to + steps.panel, row);
  CHAINRULE_STORE_TILE(2, to + steps.lower, row);
  CHAINRULE_STORE_TILE(3, to + steps.lower + steps.panel, row);
}

// Adds the products of all blocks to the tiles.
CHAINRULE_INLINE void add_blocks(const uint16_t* a, size_t a_tiles, const uint16_t* b, size_t b_panel, size_t blocks) {
  constexpr size_t tile = pair_block * panel_width;
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
}

// The sums of a tile whose rows and panels are not all there, or which are not simply stored, go through a buffer.
class MatrixTile {
 public:
  MatrixTile(const TileOrigin& origin, const Sums<float>& sums)
      : origin_(origin),
        sums_(sums),
        is_whole_(origin.rows == tile_rows && origin.panels == tile_panels),
        steps_{.row = sums.row, .lower = panel_width * sums.row, .panel = sums.panel} {}

  CHAINRULE_INLINE void start() {
    if (sums_.start == Start::zero) return zero_tiles();
    if (sums_.start == Start::bias) {
      // Every row begins with the same numbers.
      const size_t panel = origin_.panels > 1 ? panel_width : 0;
      return load_tiles(sums_.bias + origin_.panel * panel_width, {.row = 0, .lower = 0, .panel = panel});
    }
    if (is_whole_) return load_tiles(sums_.to, steps_);
    for_each_sum([](const float* sum, float* buffered) { Vector<float>::load(sum).store(buffered); });
    load_tiles(buffer_, buffer_steps);
  }

  CHAINRULE_INLINE void finish() {
    if (is_whole_ && sums_.end == End::store) return store_tiles(sums_.to, steps_);
    store_tiles(buffer_, buffer_steps);
    for_each_sum([&](float* to, const float* buffered) {
      const Vector<float> sum[1][1] = {{Vector<float>::load(buffered)}};
      store_sums({.to = to, .row = 0, .panel = 0, .end = sums_.end, .rate = sums_.rate}, sum);
    });
  }

 private:
  template <class Function>
  CHAINRULE_INLINE void for_each_sum(Function function) {
    for (size_t r = 0; r < origin_.rows; ++r) {
      for (size_t q = 0; q < origin_.panels; ++q) {
        function(sums_.to + r * sums_.row + q * sums_.panel, buffer_ + r * buffer_steps.row + q * buffer_steps.panel);
      }
    }
  }

  const TileOrigin origin_;
  const Sums<float> sums_;
  const bool is_whole_;
  const TileSteps steps_;
  alignas(64) float buffer_[tile_rows * tile_panels * panel_width];
};

// Where a row or a panel is missing, the unit reads the one before again.
template <class Target>
void matrix_tile(const Product<float>& product, const TileOrigin& origin, const Target& target) {
  MatrixTile tile(origin, target.sums(origin));
  const size_t a_tiles = paired_size(product.inner), first = (origin.row - product.rows.begin) / panel_width;
  const uint16_t* a = reinterpret_cast<const uint16_t*>(product.a) + first * a_tiles;
  tile.start();
  add_blocks(a, origin.rows > panel_width ? a_tiles : 0, product.b_pairs + origin.panel * product.b_panel,
             origin.panels > 1 ? product.b_panel : 0, whole_blocks(product.inner) / pair_block);
  tile.finish();
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
