#include <pybind11/stl.h>

#include <cmath>
#include <string>

#include "bindings/bindings.hpp"
#include "bindings/epoch_arguments.hpp"
#include "bindings/named_fields.hpp"
#include "bindings/python_loss.hpp"
#include "training/losses.hpp"
#include "training/optimizers.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

LossKind loss_named(const std::string& name) {
  if (name == "mse") return LossKind::mse;
  if (name == "mae") return LossKind::mae;
  if (name == "huber") return LossKind::huber;
  if (name == "log_cosh") return LossKind::log_cosh;
  if (name == "quantile") return LossKind::quantile;
  if (name == "poisson") return LossKind::poisson;
  if (name == "hinge") return LossKind::hinge;
  if (name == "gaussian_nll") return LossKind::gaussian_nll;
  if (name == "cross_entropy") return LossKind::cross_entropy;
  throw py::value_error("unknown loss '" + name + "'");
}

LossArguments make_loss(const std::string& name, double label_smoothing, double delta,
                        const std::vector<double>& quantiles, const py::object& function) {
  if ((name == "function") == function.is_none()) {
    throw py::value_error("function must be there for the loss of that name, and for no other");
  }
  if (name == "function") return {.loss = {}, .function = function};
  if (!(label_smoothing >= 0 && label_smoothing < 1)) throw py::value_error("label_smoothing must be in [0, 1)");
  if (!(delta > 0 && std::isfinite(delta))) throw py::value_error("delta must be positive and finite");
  const LossKind kind = loss_named(name);
  if (quantiles.empty() == (kind == LossKind::quantile)) {
    throw py::value_error("quantiles must be there for the loss of that name, and for no other");
  }
  for (const double quantile : quantiles) {
    if (!(quantile > 0 && quantile < 1)) throw py::value_error("quantiles must be in (0, 1)");
  }
  Loss loss = {.kind = kind, .label_smoothing = label_smoothing, .huber_delta = delta, .quantiles = quantiles};
  return {.loss = std::move(loss), .function = py::none()};
}

}  // namespace

void register_settings(py::module_& module) {
  py::class_<LossArguments>(module, "Loss")
      .def(py::init(&make_loss), py::arg("name"), py::arg("label_smoothing") = 0.0, py::arg("delta") = 1.0,
           py::arg("quantiles") = std::vector<double>(), py::arg("function") = py::none());
  py::class_<Optimizer> optimizer(module, "Optimizer");
  with_fields<OptimizerSettings>([&](const auto&... fields) {
    optimizer.def(py::init([fields...](const std::string& rule, decltype(value_type(fields))... values) {
                    OptimizerSettings settings;
                    ((settings.*fields.member = values), ...);
                    return Optimizer(rule, settings);
                  }),
                  py::arg("rule"), (py::arg(fields.name) = OptimizerSettings().*fields.member)...);
  });
  py::class_<EpochArguments>(module, "EpochOptions")
      .def(py::init<LossArguments, Optimizer, EpochArguments::Rates, size_t, bool, uint64_t, uint64_t, double,
                    std::optional<EpochArguments::Rates>, SamplesOfRanks>(),
           py::arg("loss"), py::arg("optimizer"), py::arg("rates"), py::arg("batch_size"), py::arg("shuffle"),
           py::arg("seed"), py::arg("epoch"), py::arg("input_noise") = 0.0, py::arg("weight_decays") = py::none(),
           py::arg("samples_of_ranks") = SamplesOfRanks());
  py::class_<EpochPart>(module, "EpochPart")
      .def(py::init<size_t, std::optional<size_t>, std::tuple<double, double, double>, size_t>(),
           py::arg("first_step") = 0, py::arg("last_step") = py::none(),
           py::arg("totals") = std::make_tuple(0.0, 0.0, 0.0), py::arg("samples_before") = 0);
}

}  // namespace chainrule::bindings
