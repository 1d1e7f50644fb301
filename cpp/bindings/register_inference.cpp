// Predictors of single samples: an immutable copy of a network's parameters, and functions that need neither the
// interpreter nor a lock.
#include "bindings/bindings.hpp"
#include "prediction/sample_predictor.hpp"

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

}  // namespace

void register_inference(py::module_& module) {
  register_predictor<float>(module, "SamplePredictorFloat32");
  register_predictor<double>(module, "SamplePredictorFloat64");
  module.attr("sample_functions") = py::capsule(&functions, "chainrule._core.sample_functions");
}

}  // namespace chainrule::bindings
