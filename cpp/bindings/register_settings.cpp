#include <pybind11/stl.h>

#include <cmath>
#include <string>

#include "bindings/bindings.hpp"
#include "training/losses.hpp"
#include "training/optimizers.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

LossKind loss_named(const std::string& name) {
  if (name == "mse") return LossKind::mse;
  if (name == "mae") return LossKind::mae;
  if (name == "huber") return LossKind::huber;
  if (name == "poisson") return LossKind::poisson;
  if (name == "hinge") return LossKind::hinge;
  if (name == "gaussian_nll") return LossKind::gaussian_nll;
  if (name == "cross_entropy") return LossKind::cross_entropy;
  throw py::value_error("unknown loss '" + name + "'");
}

Loss make_loss(const std::string& name, double label_smoothing, double delta) {
  if (!(label_smoothing >= 0 && label_smoothing < 1)) throw py::value_error("label_smoothing must be in [0, 1)");
  if (!(delta > 0 && std::isfinite(delta))) throw py::value_error("delta must be positive and finite");
  return {loss_named(name), label_smoothing, delta};
}

}  // namespace

void register_settings(py::module_& module) {
  py::class_<Loss>(module, "Loss")
      .def(py::init(&make_loss), py::arg("name"), py::arg("label_smoothing") = 0.0, py::arg("delta") = 1.0);
  py::class_<Optimizer>(module, "Optimizer")
      .def(py::init<const std::string&, const std::map<std::string, double>&>(), py::arg("rule"), py::arg("settings"));
}

}  // namespace chainrule::bindings
