// The signals of a network for a batch, with their memory.
#pragma once

#include <vector>

#include "base/aligned.hpp"
#include "network/network.hpp"

namespace chainrule {

// Room for the values of up to `capacity` samples.
template <class T>
class Workspace {
 public:
  // Prediction and training bring the inputs with them; a pass that can be looked at holds them too, and their deltas.
  enum class Purpose { prediction, training, pass };

  Workspace(const Network<T>& network, size_t capacity, Purpose purpose);
  // Signals know their places: moved, they keep them.
  Workspace(Workspace&&) = default;
  Workspace& operator=(Workspace&&) = default;

  size_t capacity() const { return capacity_; }
  std::vector<Signal<T>>& signals() { return signals_; }
  const std::vector<Signal<T>>& signals() const { return signals_; }
  const Signal<T>& output() const { return signals_.back(); }
  // Bytes that one sample takes, beside its inputs.
  static size_t sample_bytes(const Network<T>& network);

 private:
  T* room(size_t stride, size_t samples);
  void make_packed(const Network<T>& network);

  size_t capacity_;
  std::vector<Signal<T>> signals_;
  std::vector<AlignedArray<T>> arrays_;
};

}  // namespace chainrule
