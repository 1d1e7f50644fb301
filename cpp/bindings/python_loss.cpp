#include "bindings/python_loss.hpp"

#include <algorithm>
#include <cstring>

#include "base/flush_denormals.hpp"
#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

template <class T>
void PythonLoss::call(const OutsideRows<T>& rows) {
  const KeepDenormals as_in_python;
  error_.call([&] { call_function(rows); });
}

template <class T>
void PythonLoss::call_function(const OutsideRows<T>& rows) const {
  py::array_t<T> outputs({rows.samples, rows.outputs});
  for (size_t i = 0; i < rows.samples; ++i) {
    std::memcpy(outputs.mutable_data() + i * rows.outputs, rows.values + i * rows.stride, rows.outputs * sizeof(T));
  }
  const py::array_t<int64_t> source_rows(py::ssize_t(rows.samples), rows.source_rows);
  const py::array_t<double> weights(py::ssize_t(rows.samples), rows.weights);
  const py::tuple results =
      function_(outputs, targets_.attr("take")(source_rows, 0), weights, step_weights(rows.source_rows, rows.samples));
  require(results.size() == 3, "a loss must return losses, gradient and metrics");
  const auto losses = results[0].cast<py::array_t<double, py::array::c_style>>();
  const auto gradient = results[1].cast<py::array_t<T, py::array::c_style>>();
  const auto metrics = results[2].cast<py::array_t<double, py::array::c_style>>();
  require(size_t(losses.size()) == rows.samples && size_t(metrics.size()) == rows.samples &&
              size_t(gradient.size()) == rows.samples * rows.outputs,
          "a loss must return a loss, a gradient and a metric for each sample");
  std::copy_n(losses.data(), rows.samples, rows.losses);
  std::copy_n(metrics.data(), rows.samples, rows.metrics);
  for (size_t i = 0; i < rows.samples; ++i) {
    std::memcpy(rows.gradient + i * rows.stride, gradient.data() + i * rows.outputs, rows.outputs * sizeof(T));
  }
}

void PythonLoss::compute(const OutsideRows<float>& rows) { call(rows); }
void PythonLoss::compute(const OutsideRows<double>& rows) { call(rows); }

// Those of the samples, (samples, steps), or None.
py::object PythonLoss::step_weights(const int64_t* source_rows, size_t samples) const {
  if (data_.step_weights == nullptr) return py::none();
  py::array_t<double> weights({samples, data_.steps});
  for (size_t i = 0; i < samples; ++i) {
    std::copy_n(data_.step_weights + size_t(source_rows[i]) * data_.steps, data_.steps,
                weights.mutable_data() + i * data_.steps);
  }
  return weights;
}

}  // namespace chainrule::bindings
