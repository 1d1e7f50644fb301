#include "training/losses.hpp"

#include <algorithm>
#include <cmath>

namespace chainrule {

bool takes_output(const Loss& loss, Activation output, size_t outputs) {
  switch (loss.kind) {
    case LossKind::gaussian_nll:
      return output == Activation::identity && outputs % 2 == 0;
    case LossKind::quantile:
      return outputs % loss.quantiles.size() == 0;
    case LossKind::cross_entropy:
      return output == Activation::softmax || output == Activation::sigmoid;
    case LossKind::poisson:
      return output == Activation::softplus || output == Activation::sigmoid || output == Activation::exp;
    default:
      return true;
  }
}

size_t target_columns(const Loss& loss, size_t outputs) {
  if (loss.kind == LossKind::quantile) return outputs / loss.quantiles.size();
  return loss.kind == LossKind::gaussian_nll ? outputs / 2 : outputs;
}

size_t first_predicted(const Loss& loss, size_t outputs) {
  const auto nearer = [](double a, double b) { return std::abs(a - 0.5) < std::abs(b - 0.5); };
  const auto nearest = std::min_element(loss.quantiles.begin(), loss.quantiles.end(), nearer);
  return size_t(nearest - loss.quantiles.begin()) * target_columns(loss, outputs);
}

Metric metric_of(const Loss& loss, Activation output, size_t outputs, const Targets& targets) {
  const bool classes = targets.labels != nullptr && target_columns(loss, outputs) > targets.places;
  if (loss.kind == LossKind::cross_entropy) {
    return classes || output == Activation::softmax ? Metric::largest : Metric::side;
  }
  if (classes) return Metric::largest;
  return loss.kind == LossKind::hinge ? Metric::sign : Metric::absolute_error;
}

namespace {

// One-hot rows of `width` numbers, one for each label; with a width of 1, the labels themselves.
template <class T>
void write_labels(const int64_t* labels, size_t count, size_t width, T* to) {
  if (width > 1) std::fill(to, to + count * width, T(0));
  for (size_t i = 0; i < count; ++i) {
    // Labels are in the user's array, which may have changed since they were checked.
    const size_t label = size_t(labels[i]);
    if (width == 1) {
      to[i] = T(labels[i]);
    } else if (label < width) {
      to[i * width + label] = T(1);
    }
  }
}

}  // namespace

template <class T>
void gather_target(const Targets& targets, const Loss& loss, Activation output, size_t outputs, size_t row, T* to) {
  if (loss.outside != nullptr) return;
  const size_t columns = target_columns(loss, outputs);
  if (targets.rows != nullptr) {
    gather_row(*targets.rows, row, false, to);
  } else {
    write_labels(targets.labels + row * targets.places, targets.places, columns / targets.places, to);
  }
  if (loss.kind == LossKind::hinge) {
    for (size_t j = 0; j < columns; ++j) to[j] = to[j] > 0 ? T(1) : T(-1);
  }
  for (size_t i = 1; i < loss.quantiles.size(); ++i) std::copy(to, to + columns, to + i * columns);
  if (loss.label_smoothing == 0) return;
  const double classes = output == Activation::softmax ? double(columns / targets.places) : 2.0;
  const T keep = T(1 - loss.label_smoothing);
  const T floor = T(loss.label_smoothing / classes);
  for (size_t j = 0; j < columns; ++j) to[j] = to[j] * keep + floor;
}

template void gather_target<float>(const Targets&, const Loss&, Activation, size_t, size_t, float*);
template void gather_target<double>(const Targets&, const Loss&, Activation, size_t, size_t, double*);

}  // namespace chainrule
