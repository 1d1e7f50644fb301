// Weights as products take them: panels [outputs / 16][inputs][16] with a transposed copy, or in mixed precision copies
// of both in pairs of bfloat16. A layer makes the copies when its parameters change.
#pragma once

#include "layers/mixed.hpp"

namespace chainrule {

template <class T>
class ProductWeights {
 public:
  ProductWeights() = default;
  ProductWeights(size_t inputs, size_t outputs)
      : inputs_(inputs), outputs_(outputs), transposed_(whole_panels(inputs) * outputs) {}

  void mix() {
    mixed_ = true;
    transposed_ = AlignedArray<T>();
    paired_ = PairedWeights<T>(inputs_, outputs_);
    paired_.allocate_transposed();
  }
  // Copies some panels of outputs.
  void derive(const T* weights, const Range& panels) {
    if (mixed_) {
      paired_.copy(weights, panels);
      return paired_.copy_transposed(weights, panels);
    }
    kernels<T>().transpose({.panels = weights,
                            .transposed = transposed_.data(),
                            .inputs = inputs_,
                            .outputs = outputs_,
                            .rows = {0, inputs_},
                            .columns = panels});
  }

  // Completes a product whose A is set with the weights of the outputs from `first` on, whole panels, as its B.
  void enter(Product<T>& product, const T* weights, size_t first = 0) const {
    if (mixed_) return paired_.enter(product, first);
    product.b = weights + first * inputs_;
    product.b_panel = inputs_ * panel_width;
    product.b_inner = panel_width;
  }
  // The same with the transposed weights, whose inner indices are the outputs from `first` on.
  void enter_transposed(Product<T>& product, size_t first = 0) const {
    if (mixed_) return paired_.enter_transposed(product, first);
    product.b = transposed_.data() + first * panel_width;
    product.b_panel = outputs_ * panel_width;
    product.b_inner = panel_width;
  }

 private:
  size_t inputs_ = 0, outputs_ = 0;
  bool mixed_ = false;
  AlignedArray<T> transposed_;
  PairedWeights<T> paired_;
};

}  // namespace chainrule
