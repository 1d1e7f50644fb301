#include "bindings/bound_data.hpp"

#include <algorithm>
#include <string>

namespace py = pybind11;

namespace chainrule::bindings {

BoundData::BoundData(const py::object& X, const py::array& y, const Weights& weights, size_t outputs,
                     size_t target_columns, Activation output)
    : X_(X), y_(y), weights_(weights) {
  data.inputs = samples_of(X, "X");
  require(y.ndim() >= 1 && size_t(y.shape(0)) == data.inputs.rows, "X and y must have the same length");
  if (y.ndim() == 1) {
    bind_labels(target_columns);
  } else {
    rows_ = source_of(y, "y");
    require(rows_.columns == target_columns, "y must have shape (samples, targets)");
    data.targets.rows = &rows_;
  }
  if (weights_.has_value()) bind_weights(outputs, output);
}

void BoundData::bind_weights(size_t outputs, Activation output) {
  const bool is_packed = (weights_->flags() & py::array::c_style) != 0 && is_aligned(*weights_);
  require(weights_->ndim() >= 1 && size_t(weights_->shape(0)) == data.inputs.rows && is_packed,
          "sample_weight must be contiguous and aligned, of shape (samples,) or (samples, steps)");
  data.weights = weights_->data();
  if (weights_->ndim() > 1) bind_step_weights(outputs, output);
}

// The weight of a sample is the mean of its steps' weights, which are divided by it.
void BoundData::bind_step_weights(size_t outputs, Activation output) {
  const size_t steps = size_t(weights_->shape(1));
  require(weights_->ndim() == 2 && steps > 0 && outputs % steps == 0 && output != Activation::softmax,
          "sample_weight of shape (samples, steps) needs outputs of as many steps");
  step_weights_.assign(weights_->data(), weights_->data() + weights_->size());
  for (size_t first = 0; first < step_weights_.size(); first += steps) {
    double sum = 0;
    for (size_t step = 0; step < steps; ++step) sum += step_weights_[first + step];
    const double mean = sum / double(steps);
    for (size_t step = 0; step < steps && mean > 0; ++step) step_weights_[first + step] /= mean;
    means_.push_back(mean);
  }
  data.weights = means_.data();
  data.step_weights = step_weights_.data();
  data.steps = steps;
}

// A label is an index into the targets: one out of range would write to memory outside of them.
void BoundData::bind_labels(size_t target_columns) {
  const bool contiguous = y_.strides(0) == py::ssize_t(sizeof(int64_t)) || y_.shape(0) == 1;
  if (!py::isinstance<py::array_t<int64_t>>(y_) || !contiguous || !is_aligned(y_)) {
    throw py::type_error("labels y must be a contiguous, aligned array of int64");
  }
  const int64_t* labels = static_cast<const int64_t*>(y_.data());
  const int64_t classes = target_columns == 1 ? 2 : int64_t(target_columns);
  const bool in_range =
      std::all_of(labels, labels + data.inputs.rows, [&](int64_t label) { return label >= 0 && label < classes; });
  require(in_range, "labels y must be in [0, " + std::to_string(classes) + ")");
  data.targets.labels = labels;
}

}  // namespace chainrule::bindings
