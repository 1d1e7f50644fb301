// The products of a dense layer on the micro-kernel: forward, input gradient, weight gradient. The operation after a
// product (activation, derivative, update) is applied to each tile while it is in the first-level cache.
#pragma once

#include "kernels/activations.hpp"
#include "kernels/product.hpp"
#include "kernels/update.hpp"
#include "simd/transpose.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// The operations after a product, as targets of `multiply`. Those on a whole tile are not inlined, because every tile
// size has its own copy of the loop over tiles.
template <class T>
size_t offset_of(const Product<T>& product, const TileOrigin& tile) {
  return tile.row * product.c_row + tile.panel * product.c_panel;
}

// Calls function(offset) for each vector of a tile, with its offset in the layout of C.
template <class T, class Function>
CHAINRULE_INLINE void for_each_vector(const Product<T>& product, const TileOrigin& tile, Function function) {
  // These are copies, because the compiler must assume that a store could change the originals.
  const size_t row = product.c_row, panel = product.c_panel;
  const TileOrigin copy = tile;
  size_t at = offset_of(product, tile);
  for (size_t r = 0; r < copy.rows; ++r, at += row) {
    for (size_t q = 0; q < copy.panels; ++q) function(at + q * panel);
  }
}

template <class T>
struct ForwardTarget {
  const Forward<T>& args;

  Sums<T> sums(const TileOrigin& tile) const {
    const Product<T>& product = args.product;
    return {.to = product.c + offset_of(product, tile),
            .row = product.c_row,
            .panel = product.c_panel,
            .start = Start::bias,
            .bias = args.bias};
  }
  __attribute__((noinline)) void finish(const TileOrigin& tile) const {
    const Product<T>& product = args.product;
    const T* z = product.c;
    T* a = args.outputs;
    if (args.activation == Activation::identity && a == z) return;
    with_activation(args.activation, [&](auto kind) {
      for_each_vector(product, tile, [=](size_t at) { activate(kind, Vector<T>::load(z + at)).store(a + at); });
    });
  }
};

template <class T>
void forward(const Forward<T>& args) {
  multiply(args.product, ForwardTarget<T>{args});
}

template <class T>
struct InputGradientTarget {
  const InputGradient<T>& args;

  Sums<T> sums(const TileOrigin& tile) const {
    const Product<T>& product = args.product;
    return {.to = product.c + offset_of(product, tile), .row = product.c_row, .panel = product.c_panel};
  }
  __attribute__((noinline)) void finish(const TileOrigin& tile) const {
    const Product<T>& product = args.product;
    if (args.activation == Activation::identity) return;
    with_activation(args.activation, [&](auto kind) {
      for_each_vector(product, tile, [&](size_t at) {
        const Vector<T> z = Vector<T>::load(args.pre_activations + at);
        const Vector<T> a = Vector<T>::load(args.activations + at);
        (Vector<T>::load(product.c + at) * derivative(kind, z, a)).store(product.c + at);
      });
    });
  }
};

template <class T>
void input_gradient(const InputGradient<T>& args) {
  multiply(args.product, InputGradientTarget<T>{args});
}

// The plain product: C in memory.
template <class T>
struct StoredTarget {
  const Product<T>& product;
  bool accumulate;

  Sums<T> sums(const TileOrigin& tile) const {
    return {.to = product.c + offset_of(product, tile),
            .row = product.c_row,
            .panel = product.c_panel,
            .start = accumulate ? Start::memory : Start::zero};
  }
  void finish(const TileOrigin&) const {}
};

template <class T>
void product(const Product<T>& product, bool accumulate) {
  multiply(product, StoredTarget<T>{product, accumulate});
}

// The gradient of a tile is in scratch memory until its update. The rows of a panel are contiguous there, as in the
// weights, so that they are updated in one run.
template <class T>
struct UpdateTarget {
  const WeightGradient<T>& args;
  UpdateRun<T>* run_update;
  T* scratch;

  // The parameters are prefetched while the sums are computed.
  Sums<T> sums(const TileOrigin& tile) const {
    for (size_t q = 0; q < tile.panels; ++q) {
      const size_t at = offset_of(args.product, tile) + q * args.product.c_panel;
      prefetch_run(at_offset(args.parameters, at), tile.rows * panel_width);
    }
    return {.to = scratch, .row = panel_width, .panel = tile.rows * panel_width};
  }
  void finish(const TileOrigin& tile) const {
    const size_t run = tile.rows * panel_width;
    for (size_t q = 0; q < tile.panels; ++q) {
      const size_t at = offset_of(args.product, tile) + q * args.product.c_panel;
      run_update(at_offset(args.parameters, at), scratch + q * run, run, *args.update);
    }
  }
};

// Plain gradient descent needs no scratch memory: weights are updated from the registers.
template <class T>
struct DescentTarget {
  const WeightGradient<T>& args;

  Sums<T> sums(const TileOrigin& tile) const {
    const Product<T>& product = args.product;
    return {.to = args.parameters.values + offset_of(product, tile),
            .row = product.c_row,
            .panel = product.c_panel,
            .end = End::descend,
            .rate = args.update->rate * args.parameters.rate_factor};
  }
  void finish(const TileOrigin&) const {}
};

// Gradient descent on a single sample. The gradient is the product of one activation and one delta, so that deltas stay
// in registers while all rows of weights are updated.
template <class T, size_t Q>
void descend_on_sample(Constant<Q>, const WeightGradient<T>& args, size_t panel) {
  const Product<T>& product = args.product;
  const NonZeros<T>* listed = product.non_zeros;
  const Vector<T> down = Vector<T>::broadcast(-args.update->rate * args.parameters.rate_factor);
  Vector<T> delta[Q];
#pragma GCC unroll 6
  for (size_t q = 0; q < Q; ++q) delta[q] = Vector<T>::load(product.b + (panel + q) * product.b_panel);
  const auto descend = [&](size_t row, T activation) {
    const Vector<T> element = Vector<T>::broadcast(activation);
    T* w = args.parameters.values + row * product.c_row + panel * product.c_panel;
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) {
      T* at = w + q * product.c_panel;
      fma(down, fma(element, delta[q], Vector<T>::zero()), Vector<T>::load(at)).store(at);
    }
  };
  if (listed == nullptr) {
    for (size_t row = product.rows.begin; row < product.rows.end; ++row) descend(row, *row_of_a(product, row));
    return;
  }
  for (size_t i = 0; i < listed->lists; ++i) {
    const size_t row = listed->row[i];
    if (row < product.rows.begin || row >= product.rows.end) continue;
    descend(row, listed->values != nullptr ? listed->values[listed->begin[i]] : *row_of_a(product, row));
  }
}

template <class T>
void weight_gradient(const WeightGradient<T>& args) {
  if (args.update == nullptr) {
    product(args.product, args.accumulate);
  } else if (args.update->rule == Rule::sgd && is_plain(args.parameters, *args.update)) {
    const bool single_rows = args.product.non_zeros == nullptr || args.product.non_zeros->group == 1;
    if (args.product.inner == 1 && single_rows && args.product.b_pairs == nullptr) {
      for_each_run<T, 1>(args.product.panels, [&](auto count, size_t panel) { descend_on_sample(count, args, panel); });
    } else {
      multiply(args.product, DescentTarget<T>{args});
    }
  } else {
    alignas(64) T scratch[largest_tile<T> * panel_width];
    multiply(args.product, UpdateTarget<T>{args, update_run_of<T>(args.update->rule), scratch});
  }
}

template <class T>
void bias_gradient(const BiasGradient<T>& args) {
  for (size_t panel = args.panels.begin; panel < args.panels.end; ++panel) {
    const size_t at = panel * panel_width;
    Vector<T> sum = args.accumulate ? Vector<T>::load(args.gradient + at) : Vector<T>::zero();
    for (size_t row = 0; row < args.samples; ++row) sum = sum + Vector<T>::load(args.deltas + row * args.stride + at);
    if (args.update == nullptr) {
      sum.store(args.gradient + at);
      continue;
    }
    alignas(64) T scratch[panel_width];
    sum.store(scratch);
    update(at_offset(args.parameters, at), scratch, panel_width, *args.update);
  }
}

// Whole blocks of 16 inputs by 16 outputs are transposed in registers, the edges element by element.
template <class T>
void transpose(const Transpose<T>& args) {
  for (size_t panel = args.columns.begin; panel < args.columns.end; ++panel) {
    const size_t first = panel * panel_width;
    const size_t left = args.outputs - first;
    const size_t columns = left < panel_width ? left : panel_width;
    const T* from = args.panels + panel * args.inputs * panel_width;
    T* to = args.transposed + first * panel_width;
    for (size_t k = args.rows.begin; k < args.rows.end;) {
      T* block = to + k / panel_width * args.outputs * panel_width;
      if (k % panel_width == 0 && k + panel_width <= args.rows.end) {
        transpose_block(from + k * panel_width, block, columns);
        k += panel_width;
      } else {
        for (size_t j = 0; j < columns; ++j) block[j * panel_width + k % panel_width] = from[k * panel_width + j];
        ++k;
      }
    }
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
