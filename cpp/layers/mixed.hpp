// Products in mixed precision, as layers compute them: weights have a copy in pairs of bfloat16, which is made when
// they change; the factors from signals are rounded by the thread that needs them, in memory that it keeps.
#pragma once

#include "base/aligned.hpp"
#include "layers/scratch.hpp"
#include "layers/signal.hpp"

namespace chainrule {

struct Factors {};
struct PairedDeltas {};

template <class T>
void take_factors(Product<T>& product) {
  kernels<T>().mixed.take_factors(product, scratch<T, Factors>(factor_memory(product.rows.size(), product.inner)));
}

// Weights in panels [outputs / 16][inputs][16], and their transpose, in pairs of bfloat16.
template <class T>
class PairedWeights {
 public:
  PairedWeights() = default;
  PairedWeights(size_t inputs, size_t outputs)
      : inputs_(inputs), outputs_(outputs), pairs_(panel_count(outputs) * paired_size(inputs)) {}

  // Rounds the rows of A, and makes the weights of the outputs from `first` on B, whole panels; or the transposed
  // weights, whose inner indices are these outputs.
  void enter(Product<T>& product, size_t first = 0) const {
    set(product, pairs_.data() + first / panel_width * paired_size(inputs_), inputs_);
  }
  void enter_transposed(Product<T>& product, size_t first = 0) const {
    set(product, transposed_.data() + first * panel_width, outputs_);
  }

  // Copies some panels of outputs.
  void copy(const T* weights, const Range& panels) {
    kernels<T>().mixed.pair({.from = weights,
                             .from_panel = inputs_ * panel_width,
                             .from_inner = panel_width,
                             .inner = inputs_,
                             .to = pairs_.data(),
                             .panels = panels});
  }
  void allocate_transposed() {
    // From an output in the middle of a block, a last block may be read beyond the end.
    const size_t size = panel_count(inputs_) * paired_size(outputs_) + paired_size(1);
    if (transposed_.empty()) transposed_ = AlignedArray<uint16_t>(size);
  }
  void copy_transposed(const T* weights, const Range& panels) {
    kernels<T>().mixed.transpose_pairs(weights, inputs_, outputs_, panels, transposed_.data());
  }

 private:
  static void set(Product<T>& product, const uint16_t* pairs, size_t inner) {
    take_factors(product);
    product.b_pairs = pairs;
    product.b_panel = paired_size(inner);
  }

  size_t inputs_ = 0, outputs_ = 0;
  AlignedArray<uint16_t> pairs_, transposed_;
};

// The factors of a weight gradient: A are activations, and B deltas.
template <class T>
void take_samples(Product<T>& product) {
  const size_t size = paired_size(product.inner);
  uint16_t* const pairs = scratch<uint16_t, PairedDeltas>(product.panels.end * size);
  kernels<T>().mixed.pair({.from = product.b,
                           .from_panel = product.b_panel,
                           .from_inner = product.b_inner,
                           .inner = product.inner,
                           .to = pairs,
                           .panels = product.panels});
  take_factors(product);
  product.b_pairs = pairs;
  product.b_panel = size;
}

}  // namespace chainrule
