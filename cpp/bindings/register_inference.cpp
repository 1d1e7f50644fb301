// Predictors of single samples: an immutable copy of a network's parameters, and functions that need neither the
// interpreter nor a lock. Steppers, which predict sequences step by step.
#include "bindings/bindings.hpp"
#include "prediction/sample_predictor.hpp"
#include "prediction/stepper.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

// chainrule/inference.pyx declares the same struct.
struct SampleFunctions {
  void (*run_float32)(const void* predictor, const float* inputs, float* outputs);
  void (*run_float64)(const void* predictor, const double* inputs, double* outputs);
};

const SampleFunctions functions = {&SamplePredictor<float>::run, &SamplePredictor<double>::run};

template <class T>
void register_predictor(py::module_& module, const char* name) {
  using Predictor = SamplePredictor<T>;
  py::class_<Predictor>(module, name)
      .def_property_readonly("inputs", &Predictor::inputs)
      .def_property_readonly("outputs", &Predictor::outputs)
      .def_property_readonly("address", [](const Predictor& self) { return reinterpret_cast<uintptr_t>(&self); });
}

template <class T>
using Rows = py::array_t<T, py::array::c_style>;

template <class T>
void require_rows(const Rows<T>& array, const Stepper<T>& stepper, size_t columns, const char* message) {
  require(array.ndim() == 2 && size_t(array.shape(0)) == stepper.streams() && size_t(array.shape(1)) == columns,
          message);
}

template <class T>
void register_stepper(py::module_& module, const char* name) {
  py::class_<Stepper<T>>(module, name)
      .def(
          "step",
          [](Stepper<T>& self, const Rows<T>& inputs) {
            require_rows(inputs, self, self.inputs(), "x must have shape (streams, inputs)");
            require(kernels<T>().all_finite(inputs.data(), size_t(inputs.size())), "x must be finite");
            Rows<T> outputs({self.streams(), self.outputs()});
            self.step(inputs.data(), outputs.mutable_data());
            return outputs;
          },
          py::arg("inputs"))
      .def("reset", [](Stepper<T>& self) { self.states().reset(); })
      .def("state",
           [](Stepper<T>& self) {
             Rows<T> values({self.streams(), self.states().width()});
             self.states().get(values.mutable_data());
             return values;
           })
      .def(
          "set_state",
          [](Stepper<T>& self, const Rows<T>& values) {
            require_rows(values, self, self.states().width(), "state must have shape (streams, width)");
            self.states().set(values.data());
          },
          py::arg("values"));
}

}  // namespace

void register_inference(py::module_& module) {
  register_stepper<float>(module, "StepperFloat32");
  register_stepper<double>(module, "StepperFloat64");
  register_predictor<float>(module, "SamplePredictorFloat32");
  register_predictor<double>(module, "SamplePredictorFloat64");
  module.attr("sample_functions") = py::capsule(&functions, "chainrule._core.sample_functions");
}

}  // namespace chainrule::bindings
