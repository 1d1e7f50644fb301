// The signals of a network for a batch, with their memory.
#pragma once

#include <vector>

#include "base/aligned.hpp"
#include "network/network.hpp"

namespace chainrule {

template <class T>
class Workspace {
 public:
  // In prediction and training, callers provide the inputs. A pass whose values are shown to the user has memory for
  // the inputs and their deltas too, and keeps the row layout. In prediction, signals are in lanes if that pays for the
  // whole capacity; fewer samples may have them in rows (set_layout).
  enum class Purpose { prediction, training, pass };

  // For up to `capacity` samples.
  Workspace(const Network<T>& network, size_t capacity, Purpose purpose);
  // Signals point to each other's elements in the arrays of this object, which a move keeps in place.
  Workspace(Workspace&&) = default;
  Workspace& operator=(Workspace&&) = default;

  size_t capacity() const { return capacity_; }
  std::vector<Signal<T>>& signals() { return signals_; }
  const std::vector<Signal<T>>& signals() const { return signals_; }
  // Copies of the signals with the layout for some samples.
  void set_layout(const Network<T>& network, size_t samples, std::vector<Signal<T>>& copies) const {
    const bool in_lanes = network.prefers_lanes(samples);
    for (size_t i = 0; i < copies.size(); ++i) copies[i].in_lanes = signals_[i].in_lanes && in_lanes;
  }
  const Signal<T>& output() const { return signals_.back(); }
  // The bytes of all signals.
  size_t bytes() const { return values_ * sizeof(T); }
  // The bytes that one sample takes in training, without its inputs.
  static size_t sample_bytes(const Network<T>& network);
  // The same in prediction, where a signal has no deltas, nothing is kept, and signals share memory.
  static size_t predicted_sample_bytes(const Network<T>& network);

 private:
  T* allocate(size_t stride, size_t samples);
  Signal<T> input_signal(const Network<T>& network, Purpose purpose);
  Signal<T> signal_above(const Network<T>& network, size_t layer, Purpose purpose);
  // The memory of the outputs below a layer, if nothing but this layer reads them; else null.
  T* released_outputs(const Network<T>& network, size_t layer) const;
  void allocate_shared(const Network<T>& network);
  void allocate_packed(const Network<T>& network);
  // Leaves the work of layers that follow one, and write over its outputs, to that layer if it can do it. In training,
  // statistics are needed before a normalisation.
  void join_layers(const Network<T>& network, Finishing first);
  void connect(const Network<T>& network);

  size_t capacity_;
  size_t values_ = 0;
  std::vector<Signal<T>> signals_;
  std::vector<AlignedArray<T>> arrays_;
  std::vector<AlignedArray<double>> batch_arrays_;
  // What Signal::sources, Signal::readers and Signal::finishers point to, per layer.
  std::vector<std::vector<const Signal<T>*>> sources_, readers_;
  std::vector<std::vector<const Layer<T>*>> finishers_;
};

}  // namespace chainrule
