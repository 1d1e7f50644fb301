// The way of some samples through a network, with the memory that it takes: one thread uses it at a time, and a call
// allocates nothing.
#pragma once

#include "base/flush_denormals.hpp"
#include "network/workspace.hpp"

namespace chainrule {

template <class T>
class ForwardPass {
 public:
  // The network must outlive it.
  ForwardPass(const Network<T>& network, size_t samples)
      : network_(network),
        samples_(samples),
        workspace_(network, samples, Workspace<T>::Purpose::prediction),
        inputs_(samples * signals()[0].stride + panel_width) {
    signals()[0].activations = signals()[0].pre_activations = inputs_.data();
  }

  size_t samples() const { return samples_; }
  std::vector<Signal<T>>& signals() { return workspace_.signals(); }

  // Arrays of one row per sample, without gaps.
  void run(const T* inputs, T* outputs) {
    const FlushDenormals flush;
    const Signal<T>& first = signals().front();
    copy_rows(inputs, first.size, first.activations, first.stride, {0, samples_}, first.size);
    network_.forward(Team(), signals(), samples_, {});
    const Signal<T>& last = signals().back();
    copy_rows(last.activations, last.stride, outputs, last.size, {0, samples_}, last.size);
  }

 private:
  const Network<T>& network_;
  size_t samples_;
  Workspace<T> workspace_;
  AlignedArray<T> inputs_;
};

}  // namespace chainrule
