// The networks of both precisions, and sparse samples.
#include <pybind11/stl.h>

#include "bindings/bindings.hpp"
#include "bindings/bound_network.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

// Passes and training.
template <class T>
void define_training(py::class_<BoundNetwork<T>>& network) {
  using Net = BoundNetwork<T>;
  network
      .def("forward", &Net::forward, py::arg("X"), py::arg("training") = false, py::arg("seed") = 0,
           py::arg("epoch") = 0)
      .def("backward", &Net::backward, py::arg("output_gradient"))
      .def("flows", &Net::flows, py::arg("X"), py::arg("errors"), py::arg("from_pre_activations"))
      .def("loss_and_gradient", &Net::loss_and_gradient, py::arg("X"), py::arg("y"),
           py::arg("sample_weight").none(true), py::arg("loss"))
      .def("gradients", &Net::gradients)
      .def("pre_activations", &Net::pre_activations, py::arg("layer"))
      .def("activations", &Net::activations, py::arg("layer"))
      .def("deltas", &Net::deltas, py::arg("layer"))
      .def("step", &Net::step, py::arg("optimizer"), py::arg("rate"))
      .def("train_epoch", &Net::train_epoch, py::arg("X"), py::arg("y"), py::arg("sample_weight").none(true),
           py::arg("options"), py::arg("part") = EpochPart(0, std::nullopt, {}), py::arg("poll") = py::none(),
           py::arg("ranks") = py::none())
      .def("train_epochs", &Net::train_epochs, py::arg("X"), py::arg("y"), py::arg("sample_weight").none(true),
           py::arg("options"), py::arg("epochs"), py::arg("ended"), py::arg("after_each"))
      .def("save_snapshot", &Net::save_snapshot)
      .def("restore_snapshot", &Net::restore_snapshot)
      .def("drop_snapshot", &Net::drop_snapshot);
}

template <class T>
void register_network(py::module_& module, const char* name) {
  using Net = BoundNetwork<T>;
  py::class_<Net> network(module, name);
  network.def(py::init<size_t, bool>(), py::arg("inputs"), py::arg("mixed") = false)
      .def("add_layer", &Net::add_layer, py::arg("settings"), py::arg("sources") = std::vector<int64_t>())
      .def_property_readonly("parameter_count", &Net::parameter_count)
      .def("layer_parameters", &Net::layer_parameters, py::arg("layer"))
      .def("set_layer_parameters", &Net::set_layer_parameters, py::arg("layer"), py::arg("values"))
      .def("layer_statistics", &Net::layer_statistics, py::arg("layer"))
      .def("set_layer_statistics", &Net::set_layer_statistics, py::arg("layer"), py::arg("values"))
      .def("parameters", &Net::parameters)
      .def("set_parameters", &Net::set_parameters, py::arg("values"))
      .def("needs_whole_batch", &Net::needs_whole_batch, py::arg("layer"))
      .def("set_trainable", &Net::set_trainable, py::arg("layer"), py::arg("trainable"))
      .def("set_penalties", &Net::set_penalties, py::arg("layer"), py::arg("l1"), py::arg("l2"))
      .def("set_schedule", &Net::set_schedule, py::arg("layer"), py::arg("values"))
      .def("set_factors", &Net::set_factors, py::arg("layer"), py::arg("rate"), py::arg("decay"))
      .def("penalty", &Net::penalty)
      .def("predict", &Net::predict, py::arg("X"))
      .def("predict_in_place", &Net::predict_in_place, py::arg("X"))
      .def("predict_population", &Net::predict_population, py::arg("parameters"), py::arg("X"))
      .def("sample_predictor", &Net::sample_predictor)
      .def("stepper", &Net::stepper, py::keep_alive<0, 1>(), py::arg("streams"), py::arg("carrying"))
      .def("evaluate", &Net::evaluate, py::arg("X"), py::arg("y"), py::arg("sample_weight").none(true), py::arg("loss"),
           py::arg("ranks") = py::none(), py::arg("samples_of_ranks") = SamplesOfRanks())
      .def_property_readonly("optimizer_rule", &Net::optimizer_rule)
      .def_property_readonly("optimizer_steps", &Net::optimizer_steps)
      .def("optimizer_state", &Net::optimizer_state)
      .def("set_optimizer_state", &Net::set_optimizer_state, py::arg("rule"), py::arg("steps"), py::arg("state"))
      .def("reset_optimizer", &Net::reset_optimizer);
  define_training(network);
}

}  // namespace

void register_networks(py::module_& module) {
  py::class_<SparseMatrix>(module, "SparseMatrix")
      .def(py::init<py::array, py::array, py::array, size_t>(), py::arg("data"), py::arg("indices"),
           py::arg("row_begins"), py::arg("columns"))
      .def("__len__", [](const SparseMatrix& matrix) { return matrix.source.rows; })
      .def_property_readonly("columns", [](const SparseMatrix& matrix) { return matrix.source.columns; });
  register_network<float>(module, "NetworkFloat32");
  register_network<double>(module, "NetworkFloat64");
}

}  // namespace chainrule::bindings
