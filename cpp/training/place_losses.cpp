#include "training/place_losses.hpp"

#include "layers/places.hpp"
#include "layers/scratch.hpp"

namespace chainrule {

namespace {

struct ForPreActivations {};
struct ForActivations {};
struct ForTargets {};
struct ForDeltas {};

// Some places of a sample as rows, with what the kernel writes of each.
template <class T>
class PlaceRows {
 public:
  PlaceRows(const LossRows<T>& samples, size_t places)
      : samples_(samples),
        width_(samples.output.outputs / places),
        pre_activations_(scratch<T, ForPreActivations>(place_rows_size<T>(width_))),
        activations_(scratch<T, ForActivations>(place_rows_size<T>(width_))),
        targets_(scratch<T, ForTargets>(place_rows_size<T>(width_))),
        deltas_(scratch<T, ForDeltas>(place_rows_size<T>(width_))) {}

  // Computes some places of a sample, and adds their losses and metrics to its own.
  void compute(size_t sample, const Range& places) {
    const size_t first = sample * samples_.output.stride + places.begin * width_;
    places_to_rows(samples_.output.pre_activations + first, places.size(), width_, pre_activations_);
    places_to_rows(samples_.output.activations + first, places.size(), width_, activations_);
    places_to_rows(samples_.targets + first, places.size(), width_, targets_);
    const T* given = samples_.output_weights == nullptr ? nullptr : samples_.output_weights + first;
    for (size_t i = 0; i < places.size(); ++i) {
      of_place_[i] = given == nullptr ? T(1) : given[i * width_];
      weights_[i] = samples_.weights[sample] * of_place_[i];
    }
    kernels<T>().loss(rows(places.size()));
    rows_to_places(deltas_, places.size(), width_, samples_.output.deltas + first);
    for (size_t i = 0; i < places.size(); ++i) {
      if (of_place_[i] == T(0)) continue;
      samples_.losses[sample] += double(of_place_[i]) * losses_[i];
      samples_.metrics[sample] += double(of_place_[i]) * metrics_[i];
    }
  }

 private:
  LossRows<T> rows(size_t count) {
    LossRows<T> rows = samples_;
    rows.output.pre_activations = pre_activations_;
    rows.output.activations = activations_;
    rows.output.deltas = deltas_;
    rows.output.stride = row_stride<T>(width_);
    rows.output.outputs = rows.target_columns = width_;
    rows.output.rows = {0, count};
    rows.targets = targets_;
    rows.weights = weights_;
    rows.output_weights = nullptr;
    rows.losses = losses_;
    rows.metrics = metrics_;
    return rows;
  }

  const LossRows<T>& samples_;
  size_t width_;
  T *pre_activations_, *activations_, *targets_, *deltas_;
  // A vector that begins in the last element may be read to its end.
  T of_place_[tuning::places_at_a_time], weights_[tuning::places_at_a_time + panel_width];
  double losses_[tuning::places_at_a_time], metrics_[tuning::places_at_a_time];
};

}  // namespace

template <class T>
void losses_at_places(const LossRows<T>& samples, size_t places) {
  PlaceRows<T> rows(samples, places);
  for (size_t sample = samples.output.rows.begin; sample < samples.output.rows.end; ++sample) {
    samples.losses[sample] = samples.metrics[sample] = 0;
    for_some_places({0, places}, [&](const Range& part) { rows.compute(sample, part); });
    samples.metrics[sample] /= double(places);
  }
}

template void losses_at_places<float>(const LossRows<float>&, size_t);
template void losses_at_places<double>(const LossRows<double>&, size_t);

}  // namespace chainrule
