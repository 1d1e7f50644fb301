// The products of a dense layer on the micro-kernel: forward, input gradient, weight gradient. What follows a product
// (activation, derivative, update) is applied to each tile while it is in the first-level cache.
#pragma once

#include "kernels/activations.hpp"
#include "kernels/product.hpp"
#include "kernels/update.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Calls function(offset) for each vector of a tile, with its place in the layout of C.
template <class T, class Function>
CHAINRULE_INLINE void for_each_vector(const Product<T>& product, size_t row, size_t rows, size_t panel, size_t panels,
                                      Function function) {
  for (size_t r = row; r < row + rows; ++r) {
    for (size_t p = panel; p < panel + panels; ++p) function(r * product.c_row + p * product.c_panel);
  }
}

template <class T>
void forward(const Forward<T>& args) {
  const Product<T>& product = args.product;
  for_each_tile(product, [&](size_t row, size_t rows, size_t panel, size_t panels) {
    compute_tile(product, row, rows, panel, panels, Start::bias, args.bias,
                 product.c + row * product.c_row + panel * product.c_panel, product.c_row, product.c_panel);
    if (args.activation == Activation::identity && args.outputs == product.c) return;
    with_activation(args.activation, [&](auto kind) {
      for_each_vector(product, row, rows, panel, panels,
                      [&](size_t at) { activate(kind, Vector<T>::load(product.c + at)).store(args.outputs + at); });
    });
  });
}

template <class T>
void input_gradient(const InputGradient<T>& args) {
  const Product<T>& product = args.product;
  for_each_tile(product, [&](size_t row, size_t rows, size_t panel, size_t panels) {
    compute_tile<T>(product, row, rows, panel, panels, Start::zero, nullptr,
                    product.c + row * product.c_row + panel * product.c_panel, product.c_row, product.c_panel);
    if (args.activation == Activation::identity) return;
    with_activation(args.activation, [&](auto kind) {
      for_each_vector(product, row, rows, panel, panels, [&](size_t at) {
        const Vector<T> z = Vector<T>::load(args.pre_activations + at);
        const Vector<T> a = Vector<T>::load(args.activations + at);
        (Vector<T>::load(product.c + at) * derivative(kind, z, a)).store(product.c + at);
      });
    });
  });
}

template <class T>
void weight_gradient(const WeightGradient<T>& args) {
  const Product<T>& product = args.product;
  const Start start = args.accumulate ? Start::memory : Start::zero;
  alignas(64) T scratch[tile_rows<T> * tile_panels<T> * panel_width];
  for_each_tile(product, [&](size_t row, size_t rows, size_t panel, size_t panels) {
    const size_t at = row * product.c_row + panel * product.c_panel;
    if (args.update == nullptr) {
      compute_tile<T>(product, row, rows, panel, panels, start, nullptr, product.c + at, product.c_row,
                      product.c_panel);
      return;
    }
    // A panel's rows lie in a row in memory, in the scratch as in the weights: one run to update.
    const size_t run = rows * panel_width;
    compute_tile<T>(product, row, rows, panel, panels, Start::zero, nullptr, scratch, panel_width, run);
    for (size_t p = 0; p < panels; ++p) {
      update(at_offset(args.parameters, at + p * product.c_panel), scratch + p * run, run, *args.update);
    }
  });
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

template <class T>
void transpose(const Transpose<T>& args) {
  for (size_t panel = args.columns.begin; panel < args.columns.end; ++panel) {
    const size_t first = panel * panel_width;
    const size_t left = args.outputs - first;
    const size_t columns = left < panel_width ? left : panel_width;
    for (size_t k = args.rows.begin; k < args.rows.end; ++k) {
      const T* from = args.panels + panel * args.inputs * panel_width + k * panel_width;
      T* to = args.transposed + (k / panel_width * args.outputs + first) * panel_width + k % panel_width;
      for (size_t j = 0; j < columns; ++j) to[j * panel_width] = from[j];
    }
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
