// Prediction step by step: the network takes sequences of one step, and its layers carry their states from call to
// call.
#pragma once

#include "network/states.hpp"
#include "prediction/forward_pass.hpp"

namespace chainrule {

template <class T>
class Stepper {
 public:
  // The network must outlive the stepper, and not change. Its first `carrying` layers carry their states; the others
  // begin anew at each step.
  Stepper(const Network<T>& network, size_t streams, size_t carrying)
      : network_(network),
        pass_(network, streams),
        states_(network, streams, [&](size_t layer) { return layer < carrying; }) {
    states_.attach(pass_.signals());
  }

  size_t streams() const { return pass_.samples(); }
  size_t inputs() const { return network_.inputs(); }
  size_t outputs() const { return network_.outputs(); }

  // Arrays of one row per stream, without gaps.
  void step(const T* inputs, T* outputs) { pass_.run(inputs, outputs); }

  States<T>& states() { return states_; }

 private:
  const Network<T>& network_;
  ForwardPass<T> pass_;
  States<T> states_;
};

}  // namespace chainrule
