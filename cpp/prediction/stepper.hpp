// Prediction step by step: the network takes sequences of one step, and its layers carry their states from call to
// call.
#pragma once

#include "base/flush_denormals.hpp"
#include "network/states.hpp"
#include "network/workspace.hpp"

namespace chainrule {

template <class T>
class Stepper {
 public:
  // The network must outlive the stepper, and not change. Its first `carrying` layers carry their states; the others
  // begin anew at each step.
  Stepper(const Network<T>& network, size_t streams, size_t carrying)
      : network_(network),
        streams_(streams),
        workspace_(network, streams, Workspace<T>::Purpose::prediction),
        signals_(workspace_.signals()),
        inputs_(streams * signals_[0].stride + panel_width),
        states_(network, streams, [&](size_t layer) { return layer < carrying; }) {
    signals_[0].activations = signals_[0].pre_activations = inputs_.data();
    states_.attach(signals_);
  }

  size_t streams() const { return streams_; }
  size_t inputs() const { return network_.inputs(); }
  size_t outputs() const { return network_.outputs(); }

  // Arrays of one row per stream, without gaps.
  void step(const T* inputs, T* outputs) {
    const FlushDenormals flush;
    const Signal<T>& first = signals_.front();
    copy_rows(inputs, first.size, first.activations, first.stride, {0, streams_}, first.size);
    network_.forward(Team(), signals_, streams_, {});
    const Signal<T>& last = signals_.back();
    copy_rows(last.activations, last.stride, outputs, last.size, {0, streams_}, last.size);
  }

  States<T>& states() { return states_; }

 private:
  const Network<T>& network_;
  size_t streams_;
  Workspace<T> workspace_;
  std::vector<Signal<T>> signals_;
  AlignedArray<T> inputs_;
  States<T> states_;
};

}  // namespace chainrule
