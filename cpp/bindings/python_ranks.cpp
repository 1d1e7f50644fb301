#include "bindings/python_ranks.hpp"

#include "base/flush_denormals.hpp"
#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

size_t number_of(const py::object& ranks, const char* name, size_t alone) {
  return ranks.is_none() ? alone : ranks.attr(name).cast<size_t>();
}

}  // namespace

PythonRanks::PythonRanks(const py::object& ranks)
    : Ranks(number_of(ranks, "rank", 0), number_of(ranks, "size", 1)), ranks_(ranks) {
  require(rank() < size(), "rank must be less than size");
}

template <class MakeView>
void PythonRanks::call(const char* name, MakeView make_view) {
  if (is_alone() || failed()) return;
  const KeepDenormals as_in_python;
  error_.call([&] { ranks_.attr(name)(make_view()); });
}

void PythonRanks::receive_from_before(void* to, size_t bytes) {
  call("receive_from_before", [&] { return py::memoryview::from_memory(to, py::ssize_t(bytes)); });
}

void PythonRanks::send_to_next(const void* from, size_t bytes) {
  call("send_to_next", [&] { return py::memoryview::from_memory(from, py::ssize_t(bytes)); });
}

void PythonRanks::broadcast_from_last(void* values, size_t bytes) {
  call("broadcast_from_last", [&] { return py::memoryview::from_memory(values, py::ssize_t(bytes)); });
}

}  // namespace chainrule::bindings
