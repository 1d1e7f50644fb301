// Polls by a callable of Python.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>

#include "bindings/interpreter_lock.hpp"

namespace chainrule::bindings {

// Asks a callable of Python whether to stop, and checks for signals, with the interpreter's lock.
class PythonPoll {
 public:
  explicit PythonPoll(const pybind11::object& poll) : poll_(poll) {}

  // False: stop.
  bool operator()(size_t steps_done) {
    const WithInterpreter locked;
    try {
      if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
      return poll_.is_none() || !pybind11::cast<bool>(pybind11::bool_(poll_(steps_done)));
#ifdef __GLIBCXX__
    } catch (const abi::__forced_unwind&) {
      sleep_until_exit();  // the interpreter has ended while it ran `poll`
#endif
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }

  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  const pybind11::object& poll_;
  std::exception_ptr error_;
};

}  // namespace chainrule::bindings
