#include "bindings/bound_data.hpp"

#include <algorithm>
#include <string>

namespace py = pybind11;

namespace chainrule::bindings {

BoundData::BoundData(const py::object& X, const py::array& y, const Weights& weights, size_t outputs,
                     std::optional<size_t> target_columns, size_t softmax_places)
    : X_(X), y_(y), weights_(weights) {
  data.inputs = samples_of(X, "X");
  require(y.ndim() >= 1 && size_t(y.shape(0)) == data.inputs.rows, "X and y must have the same length");
  if (y.ndim() == 1 || py::isinstance<py::array_t<int64_t>>(y)) {
    bind_labels(target_columns.value_or(outputs), softmax_places);
  } else {
    rows_ = source_of(y, "y");
    require(rows_.columns == target_columns.value_or(rows_.columns), "y must have shape (samples, targets)");
    data.targets.rows = &rows_;
    data.targets.places = softmax_places;
  }
  if (weights_.has_value()) bind_weights(outputs);
}

void BoundData::bind_weights(size_t outputs) {
  const bool is_packed = (weights_->flags() & py::array::c_style) != 0 && is_aligned(*weights_);
  require(weights_->ndim() >= 1 && size_t(weights_->shape(0)) == data.inputs.rows && is_packed,
          "sample_weight must be contiguous and aligned, of shape (samples,) or (samples, steps)");
  data.weights = weights_->data();
  if (weights_->ndim() > 1) bind_step_weights(outputs);
}

// The weight of a sample is the mean of its steps' weights, which are divided by it.
void BoundData::bind_step_weights(size_t outputs) {
  const size_t steps = size_t(weights_->shape(1));
  const bool fits_places = data.targets.places == 1 || data.targets.places == steps;
  require(weights_->ndim() == 2 && steps > 0 && outputs % steps == 0 && fits_places,
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
void BoundData::bind_labels(size_t target_columns, size_t softmax_places) {
  const bool is_packed = (y_.flags() & py::array::c_style) != 0 && is_aligned(y_);
  if (!py::isinstance<py::array_t<int64_t>>(y_) || y_.ndim() > 2 || !is_packed) {
    throw py::type_error("labels y must be a contiguous, aligned array of int64, (samples,) or (samples, places)");
  }
  const size_t places = y_.ndim() == 1 ? 1 : size_t(y_.shape(1));
  const bool fits = softmax_places == 1 ? places > 0 && target_columns % places == 0 : places == softmax_places;
  require(fits, "labels y must have one for each place of the outputs");
  const int64_t* labels = static_cast<const int64_t*>(y_.data());
  const int64_t classes = std::max<int64_t>(int64_t(target_columns / places), 2);
  const bool in_range =
      std::all_of(labels, labels + y_.size(), [&](int64_t label) { return label >= 0 && label < classes; });
  require(in_range, "labels y must be in [0, " + std::to_string(classes) + ")");
  data.targets.labels = labels;
  data.targets.places = places;
}

}  // namespace chainrule::bindings
