// Layers in a row, with their parameters in one array.
#pragma once

#include <memory>
#include <vector>

#include "base/aligned.hpp"
#include "layers/lanes.hpp"

namespace chainrule {

template <class T>
class Network {
 public:
  // With mixed precision, the layers' products have factors in bfloat16.
  explicit Network(size_t inputs, bool mixed = false) : inputs_(inputs), mixed_(mixed) {}

  // Adds a layer on top, which reads the signals above the layers `sources`. Throws std::invalid_argument if its inputs
  // are not the outputs of the layer below, if it cannot take these sources, or if it has no mixed precision.
  void add(std::unique_ptr<Layer<T>> layer, std::vector<size_t> sources = {});

  size_t inputs() const { return inputs_; }
  bool mixed() const { return mixed_; }
  size_t outputs() const { return layers_.empty() ? inputs_ : layers_.back()->outputs(); }
  size_t size() const { return layers_.size(); }
  Activation output_activation() const { return layers_.empty() ? Activation() : layers_.back()->activation(); }
  // At how many places of the output there is a softmax each.
  size_t softmax_places() const { return layers_.empty() ? 1 : layers_.back()->traits().softmax_places; }
  Layer<T>& layer(size_t i) { return *layers_[i]; }
  const Layer<T>& layer(size_t i) const { return *layers_[i]; }
  // The layers whose signals layer i reads.
  const std::vector<size_t>& sources(size_t i) const { return sources_[i]; }

  // Where a layer's part begins in the packed parameters, in the plain ones, and in the statistics.
  size_t offset(size_t i) const { return offsets_[i]; }
  size_t plain_offset(size_t i) const { return plain_offsets_[i]; }
  size_t statistics_offset(size_t i) const { return statistics_offsets_[i]; }
  AlignedArray<T>& parameters() { return parameters_; }
  const AlignedArray<T>& parameters() const { return parameters_; }
  size_t parameter_count() const { return plain_offset(size()); }
  // Must be called after the parameters were set.
  void parameters_changed();
  // Running statistics, which training changes without a gradient (LayerTraits::statistics_size).
  AlignedArray<T>& statistics() { return statistics_; }
  const AlignedArray<T>& statistics() const { return statistics_; }
  void update_statistics(const Team&, const std::vector<Signal<T>>& signals);
  // Called by a team after an update of all trainable layers (Layer::finish_update).
  void finish_update(const Team&);
  // Conversions between plain and packed, for parameters, gradients and optimiser states alike.
  void pack(const T* plain, T* packed) const;
  void unpack(const T* packed, T* plain) const;

  // Whether training passes must not take a batch in parts.
  bool needs_whole_batch() const;
  // Parts of a batch hold a multiple of so many samples: those that layers process together, and whose gradients they
  // add up together.
  size_t sample_block() const { return mixed_ ? pair_block : panel_width; }
  // Whether all layers are products of rows in full precision, so that single samples can be predicted with
  // `sample_layers`.
  bool is_row_product() const;
  std::vector<SampleLayer<T>> sample_layers() const;
  // The longest row between these, in whole panels.
  size_t widest_layer() const;
  // The values of a sample's signals, without its inputs.
  size_t signal_values() const { return signal_values_; }
  // Multiply-adds of the forward pass of one sample of which `entries` inputs are not zero.
  double work(size_t entries) const { return first_work_ * double(entries) / double(inputs_) + other_work_; }
  // Whether the signal above a layer can be in lanes: between two layers that take them so, or next to layers between
  // these that keep the layout.
  bool can_be_in_lanes(size_t layer) const;
  // Whether signals of so many samples should be.
  bool prefers_lanes(size_t samples) const { return lanes_pay(samples, lane_work_, row_work_); }
  double penalty() const;
  // The lowest trainable layer with parameters: no delta is needed below it.
  size_t first_trainable() const;
  // Called by one thread before the first pass back; `lowest` is the lowest layer that passes deltas down.
  void prepare_backward(size_t lowest);

  // signals[i] is below layer i, and signals[size()] is the output. Each thread has its own array of signals, which
  // point to common memory. Afterwards each thread may read its share of the output's samples.
  void forward(const Team&, std::vector<Signal<T>>& signals, size_t samples, const Pass&) const;
  // Adds the layers' own losses to those of some samples.
  void add_losses(const std::vector<Signal<T>>& signals, const Range& samples, const T* weights, double* losses) const;
  // From the delta of each thread's share of the output down to the delta above layer `lowest - 1`; ends with a
  // barrier.
  void backward(const Team&, const std::vector<Signal<T>>& signals, size_t samples, size_t lowest, const Pass&) const;

 private:
  void check(const Layer<T>& layer, const std::vector<size_t>& sources) const;

  size_t inputs_;
  bool mixed_;
  std::vector<std::unique_ptr<Layer<T>>> layers_;
  std::vector<std::vector<size_t>> sources_;
  std::vector<size_t> offsets_;
  std::vector<size_t> plain_offsets_{0};
  std::vector<size_t> statistics_offsets_{0};
  // Multiply-adds of one sample in the first layer and in the others.
  double first_work_ = 0, other_work_ = 0;
  // Multiply-adds of one sample in the layers that take lanes: with 16 samples in the lanes, and in rows.
  double lane_work_ = 0, row_work_ = 0;
  size_t signal_values_ = 0;
  AlignedArray<T> parameters_;
  AlignedArray<T> statistics_;
};

}  // namespace chainrule
