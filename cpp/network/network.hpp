// Layers in a row, with their parameters in one array, and the values of a batch between them.
#pragma once

#include <memory>
#include <vector>

#include "base/aligned.hpp"
#include "layers/layer.hpp"

namespace chainrule {

template <class T>
class Network {
 public:
  explicit Network(size_t inputs) : inputs_(inputs) {}

  // The layer's inputs must be the outputs of the last one.
  void add(std::unique_ptr<Layer<T>> layer);

  size_t inputs() const { return inputs_; }
  size_t outputs() const { return layers_.empty() ? inputs_ : layers_.back()->outputs(); }
  size_t size() const { return layers_.size(); }
  Activation output_activation() const { return layers_.empty() ? Activation::identity : layers_.back()->activation(); }
  Layer<T>& layer(size_t i) { return *layers_[i]; }
  const Layer<T>& layer(size_t i) const { return *layers_[i]; }
  // Where a layer's part begins in the packed parameters, and in the plain ones.
  size_t offset(size_t i) const { return offsets_[i]; }
  size_t plain_offset(size_t i) const { return plain_offsets_[i]; }
  // And in the statistics.
  size_t statistics_offset(size_t i) const { return statistics_offsets_[i]; }

  AlignedArray<T>& parameters() { return parameters_; }
  const AlignedArray<T>& parameters() const { return parameters_; }
  size_t parameter_count() const { return plain_offset(size()); }
  void parameters_changed();
  // What training gathers beside the parameters (Layer::statistics_size).
  AlignedArray<T>& statistics() { return statistics_; }
  const AlignedArray<T>& statistics() const { return statistics_; }
  void update_statistics(const Team&) const;
  // Whether training passes must not take a batch in parts.
  bool needs_whole_batch() const;
  // From plain to packed and back, for parameters, gradients and an optimiser's state alike.
  void pack(const T* plain, T* packed) const;
  void unpack(const T* packed, T* plain) const;

  // Whether every layer multiplies rows: single samples then have a way of their own.
  bool multiplies_rows() const;
  // The layers as a single sample meets them then, and the longest row between them in whole panels.
  std::vector<SampleLayer<T>> sample_layers() const;
  size_t widest_layer() const;
  // Multiply-adds of the forward pass of one sample of which `entries` inputs are not zero.
  double work(size_t entries) const;
  double penalty() const;
  // The lowest layer that learns: no delta is needed below it.
  size_t first_trainable() const;
  // Serial, before the first backward of a pass; `lowest` is the lowest layer whose backward is called for the delta
  // below it.
  void prepare_backward(size_t lowest);

  // signals[i] lies below layer i, signals[size()] is the output, of which each thread has its share of the samples
  // afterwards. Barriers stand where layers need them. The signals are a thread's own, what they point at is common.
  void forward(const Team&, std::vector<Signal<T>>& signals, size_t samples, const Pass&) const;
  // The layers' own losses, added to those of a thread's share of the samples.
  void add_losses(const std::vector<Signal<T>>& signals, const Range& samples, const T* weights, double* losses) const;
  // From the delta of a thread's share of the output down to the delta above layer `lowest - 1`; ends with a barrier.
  void backward(const Team&, const std::vector<Signal<T>>& signals, size_t samples, size_t lowest, const Pass&) const;

 private:
  size_t inputs_;
  std::vector<std::unique_ptr<Layer<T>>> layers_;
  std::vector<size_t> offsets_;
  std::vector<size_t> plain_offsets_{0};
  std::vector<size_t> statistics_offsets_{0};
  AlignedArray<T> parameters_;
  AlignedArray<T> statistics_;
};

}  // namespace chainrule
