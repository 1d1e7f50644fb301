// Factors of products in mixed precision that are windows of an image: rows of A of a convolution, and B of its weight
// gradient. Their values are copied in whole vectors. What a vector has after the end of a run is overwritten by the
// next run, or by zeros.
#pragma once

#include "kernels/mixed.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Calls visit(first, count) after copy(i, beginning of the window) for up to `step` windows, which count from zero.
// What was just stored in parts would be slow to load as a whole.
template <class Copy, class Visit>
CHAINRULE_INLINE void for_some_windows(const Windows<float>& args, size_t step, Copy copy, Visit visit) {
  size_t x = args.places.begin % args.width;
  const float* row = args.image + args.places.begin / args.width * args.down;
  const size_t count = args.places.size();
  for (size_t first = 0; first < count; first += step) {
    const size_t some = count - first < step ? count - first : step;
    for (size_t i = 0; i < some; ++i) {
      copy(first + i, row + x * args.right);
      if (++x < args.width) continue;
      x = 0;
      row += args.down;
    }
    visit(first, some);
  }
}

// Copies some runs of a window to the places of their values in a row.
template <class Function>
CHAINRULE_INLINE void copy_runs(const Windows<float>& args, const Range& runs, const float* window, float* row,
                                Function function) {
  const size_t run = args.run;
  for (size_t r = runs.begin; r < runs.end; ++r) {
    const float* from = window + args.runs[r];
    for (size_t k = 0; k < run; k += lanes) function(Vector<float>::load(from + k)).store(row + r * run + k);
  }
}

CHAINRULE_INLINE void clear_values(float* row, size_t begin, size_t end) {
  for (size_t k = begin; k < end; k += lanes) Vector<float>::zero().store(row + k);
}

CHAINRULE_INLINE Vector<float> as_it_is(const Vector<float>& values) { return values; }

#if defined(CHAINRULE_TILES)

// Runs of whole blocks need no copy of the window.
inline void take_whole_runs(const Windows<float>& args, float* memory) {
  for_some_windows(
      args, args.places.size(),
      [&](size_t i, const float* window) {
        uint16_t* tile = tile_at(memory, args.inner(), i, 0) + i % panel_width * pair_block;
        for (size_t r = 0; r < args.run_count; ++r) {
          const float* const from = window + args.runs[r];
          for (size_t k = 0; k < args.run; k += pair_block, tile += panel_width * pair_block) {
            store_row(Vector<float>::load(from + k), Vector<float>::load(from + k + lanes), tile);
          }
        }
      },
      [](size_t, size_t) {});
}

inline void take_windows(Product<float>& product, const Windows<float>& args, float* memory) {
  const size_t inner = args.inner(), whole = whole_blocks(inner), stride = window_row(inner);
  product.a = memory;
  if (args.run % pair_block == 0) return take_whole_runs(args, memory);
  for_some_windows(
      args, panel_width,
      [&](size_t i, const float* window) {
        float* const row = args.buffer + i % panel_width * stride;
        copy_runs(args, {0, args.run_count}, window, row, as_it_is);
        clear_values(row, inner, whole);
      },
      [&](size_t first, size_t count) {
        for (size_t i = 0; i < count; ++i) {
          const float* const row = args.buffer + i * stride;
          for (size_t k = 0; k < whole; k += pair_block) {
            store_row(Vector<float>::load(row + k), Vector<float>::load(row + k + lanes),
                      tile_at(memory, inner, first, k) + i * pair_block);
          }
        }
      });
}

#else

inline void take_windows(Product<float>& product, const Windows<float>& args, float* memory) {
  const size_t stride = whole_blocks(args.inner());
  for_some_windows(
      args, args.places.size(),
      [&](size_t i, const float* window) {
        copy_runs(args, {0, args.run_count}, window, memory + i * stride, nearest_bfloat16);
      },
      [](size_t, size_t) {});
  product.a = memory;
  product.a_row = stride;
  product.a_inner = 1;
}

#endif

// Runs of whole panels need no copy of the windows.
inline void pair_whole_runs(const Windows<float>& args, const Range& panels, uint16_t* to) {
  const size_t count = args.places.size(), size = paired_size(count), of_run = args.run / panel_width;
  const auto store = [&](size_t i, auto load) {
    size_t run = panels.begin / of_run, k = panels.begin % of_run;
    uint16_t* pair = to + i * panel_width;
    for (size_t panel = panels.begin; panel < panels.end; ++panel, pair += size) {
      store_pair(load(args.runs[run] + k * panel_width), pair);
      if (++k < of_run) continue;
      k = 0;
      ++run;
    }
  };
  const float* windows[2];
  for_some_windows(
      args, 2, [&](size_t i, const float* window) { windows[i % 2] = window; },
      [&](size_t i, size_t some) {
        store(i, [&](size_t at) {
          const Vector<float> odd = some == 2 ? Vector<float>::load(windows[1] + at) : Vector<float>::zero();
          return paired(Vector<float>::load(windows[0] + at), odd);
        });
      });
  for (size_t i = (count + 1) / 2 * 2; i < whole_blocks(count); i += 2) {
    store(i, [](size_t) { return Vector<float>::zero(); });
  }
}

inline void pair_windows(const Windows<float>& args, const Range& panels, uint16_t* to) {
  if (args.run % panel_width == 0) return pair_whole_runs(args, panels, to);
  const size_t inner = args.inner(), stride = window_row(inner), size = paired_size(args.places.size());
  const Range values = {panels.begin * panel_width, panels.end * panel_width};
  const size_t last = values.end < inner ? values.end : inner;
  const Range runs = {values.begin / args.run, (last + args.run - 1) / args.run};
  for_some_windows(
      args, pair_block,
      [&](size_t i, const float* window) {
        float* const row = args.buffer + i % pair_block * stride;
        copy_runs(args, runs, window, row, as_it_is);
        clear_values(row, inner, values.end);
      },
      [&](size_t first, size_t count) {
        for (size_t i = count; i < pair_block; ++i) clear_values(args.buffer + i * stride, values.begin, values.end);
        for (size_t panel = panels.begin; panel < panels.end; ++panel) {
          const float* row = args.buffer + panel * panel_width;
          uint16_t* block = to + (panel - panels.begin) * size + first * panel_width;
          for (size_t i = 0; i < pair_block; i += 2, row += 2 * stride, block += 2 * panel_width) {
            store_pair(paired(Vector<float>::load(row), Vector<float>::load(row + stride)), block);
          }
        }
      });
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
