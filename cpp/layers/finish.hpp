// What layers above one do to its outputs, each in its place: a normalisation by constants of its feature, and then an
// activation. The layer itself does that, part by part, while its outputs are in the cache; in training, where the
// constants come from all outputs, the activation only.
#pragma once

#include "layers/lanes.hpp"

namespace chainrule {

template <class T>
struct Finish {
  bool normalises = false;
  // One constant per feature.
  FeatureScales<T> scales = {};
  const T *gamma = nullptr, *beta = nullptr;
  Activation activation;

  bool is_empty() const { return !normalises && activation == Activation::identity; }
  // For some places of so many features, which are next to each other.
  void apply(T* values, size_t places, size_t features) const {
    if (is_empty()) return;
    if (!normalises) return activate_in_place(values, places * features, activation);
    const FeaturePlaces at = {{0, 1}, places, features, {0, panel_count(features)}};
    kernels<T>().normalise_features(at, {.inputs = values,
                                         .input_stride = 0,
                                         .scales = scales,
                                         .gamma = gamma,
                                         .beta = beta,
                                         .pre_activations = values,
                                         .activations = values,
                                         .stride = 0,
                                         .activation = activation});
  }
};

// What finishes the outputs of the layer below a signal. The constants are stored in memory of the thread.
template <class T>
Finish<T> finish_of(const Signal<T>& above) {
  Finish<T> finish;
  for (const Layer<T>* layer : above.finishers) layer->add_to(finish);
  return finish;
}

// The same for outputs in lanes, of so many channels: each vector is a feature of 16 values.
template <class T>
Finish<T> in_lanes(const Finish<T>& finish, size_t channels) {
  if (!finish.normalises) return finish;
  struct Constants;
  const Range all = {0, channels};
  const size_t size = channels * group_samples;
  T* const lanes = scratch<T, Constants>(4 * size);
  Finish<T> result = finish;
  result.scales = {in_all_lanes(finish.scales.means, all, lanes),
                   in_all_lanes(finish.scales.inverses, all, lanes + size)};
  result.gamma = in_all_lanes(finish.gamma, all, lanes + 2 * size);
  result.beta = in_all_lanes(finish.beta, all, lanes + 3 * size);
  return result;
}

}  // namespace chainrule
