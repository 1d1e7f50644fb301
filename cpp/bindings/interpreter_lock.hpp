// The lock of the interpreter, given back for long work and taken again afterwards.
//
// When the interpreter ends, it ends each other thread that asks for the lock, by unwinding its stack. That must not
// pass through destructors and handlers of C++, which would abort the process. Such a thread sleeps here instead, until
// the process has ended; CPython does the same from 3.14 on.
#pragma once

#include <pybind11/pybind11.h>

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

#include <chrono>
#include <thread>

namespace chainrule::bindings {

[[noreturn]] inline void sleep_until_exit() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

// Gives the lock back for as long as the object exists.
class WithoutInterpreter {
 public:
  WithoutInterpreter() : state_(PyEval_SaveThread()) {}
  WithoutInterpreter(const WithoutInterpreter&) = delete;
  WithoutInterpreter& operator=(const WithoutInterpreter&) = delete;
  ~WithoutInterpreter() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      sleep_until_exit();
    }
  }

 private:
  PyThreadState* state_;
};

// Holds the lock for as long as the object exists.
class WithInterpreter {
 public:
  WithInterpreter() {
    try {
      state_ = PyGILState_Ensure();
    } catch (...) {
      sleep_until_exit();
    }
  }
  WithInterpreter(const WithInterpreter&) = delete;
  WithInterpreter& operator=(const WithInterpreter&) = delete;
  ~WithInterpreter() { PyGILState_Release(state_); }

 private:
  PyGILState_STATE state_;
};

}  // namespace chainrule::bindings
