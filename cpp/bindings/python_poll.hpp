// Polls by a callable of Python.
#pragma once

#include <pybind11/pybind11.h>

#include "bindings/kept_error.hpp"

namespace chainrule::bindings {

// Asks a callable of Python whether to stop, and checks for signals, with the interpreter's lock.
class PythonPoll {
 public:
  explicit PythonPoll(const pybind11::object& poll) : poll_(poll) {}

  // False: stop.
  bool operator()(size_t steps_done) {
    bool goes_on = false;
    error_.call([&] { goes_on = poll_.is_none() || !pybind11::cast<bool>(pybind11::bool_(poll_(steps_done))); });
    return goes_on;
  }

  bool failed() const { return error_.is_set(); }
  void rethrow() const { error_.rethrow(); }

 private:
  const pybind11::object& poll_;
  KeptError error_;
};

}  // namespace chainrule::bindings
