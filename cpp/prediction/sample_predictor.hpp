// Prediction of single samples with an immutable copy of a network's parameters. It needs no lock, and any number of
// threads can share it.
#pragma once

#include <vector>

#include "base/flush_denormals.hpp"
#include "network/network.hpp"

namespace chainrule {

template <class T>
class SamplePredictor {
 public:
  explicit SamplePredictor(const Network<T>& network)
      : parameters_(network.parameters()),
        layers_(network.sample_layers()),
        widest_layer_(network.widest_layer()),
        predict_(kernels<T>().predict_sample) {
    const T* from = network.parameters().data();
    for (SampleLayer<T>& layer : layers_) {
      layer.weights = parameters_.data() + (layer.weights - from);
      layer.bias = parameters_.data() + (layer.bias - from);
    }
  }

  size_t inputs() const { return layers_.front().inputs; }
  size_t outputs() const { return layers_.back().outputs; }

  void predict(const T* inputs, T* outputs) const {
    const FlushDenormals flush;
    if (2 * widest_layer_ <= tuning::stack_scratch) {
      alignas(64) T scratch[tuning::stack_scratch];
      predict_(layers_.data(), layers_.size(), inputs, scratch, widest_layer_, outputs);
    } else {
      thread_local AlignedArray<T> scratch;
      if (scratch.size() < 2 * widest_layer_) scratch = AlignedArray<T>(2 * widest_layer_);
      predict_(layers_.data(), layers_.size(), inputs, scratch.data(), widest_layer_, outputs);
    }
  }

  // `predict` as a plain function, for C.
  static void run(const void* predictor, const T* inputs, T* outputs) {
    static_cast<const SamplePredictor*>(predictor)->predict(inputs, outputs);
  }

 private:
  AlignedArray<T> parameters_;
  std::vector<SampleLayer<T>> layers_;
  size_t widest_layer_;
  decltype(Kernels<T>::predict_sample) predict_;
};

}  // namespace chainrule
