// A loss by a function of Python.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "bindings/kept_error.hpp"
#include "training/outside_loss.hpp"
#include "training/training_data.hpp"

namespace chainrule::bindings {

// A loss as Python names it: one of the core, or a function.
struct LossArguments {
  // The loss for one call of the core, in which `outside` computes it if it is a function.
  Loss with(OutsideLoss& outside) const {
    Loss result = loss;
    if (is_function()) result.outside = &outside;
    return result;
  }
  bool is_function() const { return !function.is_none(); }

  Loss loss;
  pybind11::object function;
};

// Marks the network that this thread evaluates. The function of a loss that the evaluation calls would wait for itself
// if it changed that network.
class Evaluating {
 public:
  explicit Evaluating(const void* network) : outer_(innermost), network_(network) { innermost = this; }
  Evaluating(const Evaluating&) = delete;
  Evaluating& operator=(const Evaluating&) = delete;
  ~Evaluating() { innermost = outer_; }

  static bool holds(const void* network) {
    for (const Evaluating* one = innermost; one != nullptr; one = one->outer_) {
      if (one->network_ == network) return true;
    }
    return false;
  }

 private:
  static inline thread_local const Evaluating* innermost = nullptr;
  const Evaluating* outer_;
  const void* network_;
};

// Calls function(outputs, targets, weights, step_weights) with arrays of a chunk's samples, which returns the losses,
// the gradient and the metrics. An error is kept, and raised by `rethrow` when the core has returned.
class PythonLoss : public OutsideLoss {
 public:
  // All three must outlive this object.
  PythonLoss(const pybind11::object& function, const pybind11::array& targets, const Data& data)
      : function_(function), targets_(targets), data_(data) {}

  void compute(const OutsideRows<float>& rows) override;
  void compute(const OutsideRows<double>& rows) override;
  bool failed() const override { return error_.is_set(); }

  void rethrow() const { error_.rethrow(); }

 private:
  template <class T>
  void call(const OutsideRows<T>& rows);
  template <class T>
  void call_function(const OutsideRows<T>& rows) const;
  pybind11::object step_weights(const int64_t* source_rows, size_t samples) const;

  const pybind11::object& function_;
  const pybind11::array& targets_;
  const Data& data_;
  KeptError error_;
};

}  // namespace chainrule::bindings
