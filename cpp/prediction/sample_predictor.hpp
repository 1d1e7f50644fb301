// Prediction of single samples with an immutable copy of a network. It needs no lock, and any number of threads can
// share it; a call allocates nothing once as many calls ran at a time before.
#pragma once

#include <vector>

#include "base/flush_denormals.hpp"
#include "prediction/forward_pass.hpp"
#include "prediction/spares.hpp"

namespace chainrule {

template <class T>
class SamplePredictor {
 public:
  // From a network that nothing else refers to.
  explicit SamplePredictor(Network<T> network)
      : network_(std::move(network)), widest_layer_(network_.widest_layer()), products_(kernels<T>().predict_sample) {
    if (network_.is_row_product()) layers_ = network_.sample_layers();
  }

  size_t inputs() const { return network_.inputs(); }
  size_t outputs() const { return network_.outputs(); }

  void predict(const T* inputs, T* outputs) const {
    if (!layers_.empty()) return multiply(inputs, outputs);
    std::unique_ptr<ForwardPass<T>> pass = passes_.take();
    if (pass == nullptr) pass = std::make_unique<ForwardPass<T>>(network_, 1);
    pass->run(inputs, outputs);
    passes_.put_back(std::move(pass));
  }

  // `predict` as a plain function, for C.
  static void run(const void* predictor, const T* inputs, T* outputs) {
    static_cast<const SamplePredictor*>(predictor)->predict(inputs, outputs);
  }

 private:
  // Sends a sample through products of rows alone, in one call of a kernel.
  void multiply(const T* inputs, T* outputs) const {
    const FlushDenormals flush;
    if (2 * widest_layer_ <= tuning::stack_scratch) {
      alignas(64) T scratch[tuning::stack_scratch];
      products_(layers_.data(), layers_.size(), inputs, scratch, widest_layer_, outputs);
    } else {
      thread_local AlignedArray<T> scratch;
      if (scratch.size() < 2 * widest_layer_) scratch = AlignedArray<T>(2 * widest_layer_);
      products_(layers_.data(), layers_.size(), inputs, scratch.data(), widest_layer_, outputs);
    }
  }

  Network<T> network_;
  size_t widest_layer_;
  std::vector<SampleLayer<T>> layers_;  // if all layers are products of rows; else empty
  decltype(Kernels<T>::predict_sample) products_;
  mutable Spares<ForwardPass<T>> passes_;
};

}  // namespace chainrule
