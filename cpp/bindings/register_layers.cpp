// The settings of layers: one class per kind, and the classes of their parts.
#include "bindings/bindings.hpp"
#include "bindings/named_fields.hpp"
#include "layers/make_layer.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

template <class... Kinds>
void register_kinds(py::module_& module, const std::variant<Kinds...>*) {
  (register_struct<Kinds>(module), ...);
}

}  // namespace

void register_layers(py::module_& module) {
  register_struct<ConvolutionAxis>(module);
  register_struct<PoolAxisSettings>(module);
  register_struct<Slice>(module);
  py::class_<RecurrentCell>(module, "RecurrentCell");
  module.def("lstm_cell", &lstm_cell, py::arg("peepholes"), py::arg("activation"));
  module.def("gru_cell", &gru_cell, py::arg("reset_after"), py::arg("activation"));
  module.def("simple_cell", &simple_cell, py::arg("activation"));
  register_kinds(module, static_cast<const LayerSettings*>(nullptr));
}

}  // namespace chainrule::bindings
