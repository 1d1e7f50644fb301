// Samples with targets and weights from Python: a view of the arrays, which it keeps alive.
#pragma once

#include <optional>
#include <vector>

#include "bindings/bindings.hpp"
#include "training/training_data.hpp"

namespace chainrule::bindings {

class BoundData {
 public:
  using Weights = std::optional<pybind11::array_t<double>>;

  // Checks shapes, types and labels. `outputs` and `target_columns` are numbers per sample, `softmax_places` the places
  // of the output with a softmax each. Rows of targets may have any number of columns if `target_columns` is empty.
  BoundData(const pybind11::object& X, const pybind11::array& y, const Weights& weights, size_t outputs,
            std::optional<size_t> target_columns, size_t softmax_places);
  BoundData(const BoundData&) = delete;
  BoundData& operator=(const BoundData&) = delete;

  Data data;

 private:
  void bind_weights(size_t outputs);
  void bind_step_weights(size_t outputs);
  void bind_labels(size_t target_columns, size_t softmax_places);

  pybind11::object X_;
  pybind11::array y_;
  Weights weights_;
  std::vector<double> means_, step_weights_;
  Source rows_ = {};
};

}  // namespace chainrule::bindings
