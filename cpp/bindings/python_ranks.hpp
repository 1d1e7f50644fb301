// Other ranks, reached by an object of Python.
#pragma once

#include <pybind11/pybind11.h>

#include "bindings/kept_error.hpp"
#include "training/ranks.hpp"

namespace chainrule::bindings {

// Calls the object's `receive_from_before`, `send_to_next` and `broadcast_from_last` with a memoryview of the bytes; it
// also has `rank` and `size`. None stands for a process on its own.
class PythonRanks : public Ranks {
 public:
  // The object must outlive this one.
  explicit PythonRanks(const pybind11::object& ranks);

  void receive_from_before(void* to, size_t bytes) override;
  void send_to_next(const void* from, size_t bytes) override;
  void broadcast_from_last(void* values, size_t bytes) override;
  bool failed() const override { return error_.is_set(); }

  void rethrow() const { error_.rethrow(); }

 private:
  template <class MakeView>
  void call(const char* name, MakeView make_view);

  const pybind11::object& ranks_;
  KeptError error_;
};

}  // namespace chainrule::bindings
