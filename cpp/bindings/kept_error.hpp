// Errors of Python code that the core calls, which must not pass through the core.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>

#include "bindings/interpreter_lock.hpp"

namespace chainrule::bindings {

// Keeps an error until the core has returned.
class KeptError {
 public:
  // Checks for signals and calls `function`, with the interpreter's lock; false if that raised an error.
  template <class Function>
  bool call(Function function) {
    const WithInterpreter locked;
    try {
      if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
      function();
      return true;
#ifdef __GLIBCXX__
    } catch (const abi::__forced_unwind&) {
      sleep_until_exit();  // the interpreter has ended while it ran the function
#endif
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }

  bool is_set() const { return error_ != nullptr; }
  void rethrow() const {
    if (is_set()) std::rethrow_exception(error_);
  }

 private:
  std::exception_ptr error_;
};

}  // namespace chainrule::bindings
