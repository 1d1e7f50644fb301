#include "training/deferred_updates.hpp"

namespace chainrule {

template <class T>
DeferredUpdates<T>::DeferredUpdates(const Layer<T>& layer, size_t first_step, size_t entries, size_t threads)
    : layer_(layer),
      steps_(tuning::deferred_steps),
      parts_(threads, {std::vector<size_t>(layer.parameter_rows(), first_step), {}}) {
  for (Part& part : parts_) part.met.reserve(entries);
}

template <class T>
void DeferredUpdates<T>::meet(const Team& team, const Signal<T>& below, size_t samples) {
  std::vector<uint32_t>& met = parts_[team.index()].met;
  met.clear();
  layer_.list_rows(team, below, samples, met);
}

template <class T>
void DeferredUpdates<T>::record(size_t step, const GradientTarget<T>& target) {
  target_ = target;
  steps_[step % tuning::deferred_steps] = {*target.update, target.shrink};
}

template <class T>
void DeferredUpdates<T>::updated(const Team& team, size_t step) {
  Part& part = parts_[team.index()];
  for (const uint32_t row : part.met) part.behind[row] = step + 1;
  if ((step + 1) % tuning::deferred_steps == 0) bring_up_all(team, step);
}

template <class T>
void DeferredUpdates<T>::bring_up(const Team& team, size_t step, const Signal<T>& below, size_t next_samples) {
  meet(team, below, next_samples);
  const std::vector<uint32_t>& met = parts_[team.index()].met;
  for (size_t i = 0; i < met.size(); ++i) {
    if (i + tuning::parameter_rows_ahead < met.size())
      prefetch(layer_.parameter_row(team, met[i + tuning::parameter_rows_ahead], target_));
    bring_up_row(team, step, met[i]);
  }
}

template <class T>
void DeferredUpdates<T>::bring_up_all(const Team& team, size_t step) {
  for (size_t row = 0; row < layer_.parameter_rows(); ++row) bring_up_row(team, step, row);
}

// The steps that are missing lie behind the last full turn of the memory, where every row was brought up.
template <class T>
void DeferredUpdates<T>::bring_up_row(const Team& team, size_t step, size_t row) {
  size_t& from = parts_[team.index()].behind[row];
  if (from > step) return;
  const ParameterRuns<T> runs = layer_.parameter_row(team, row, target_);
  kernels<T>().catch_up(runs.first, runs.count, runs.stride,
                        {steps_.data() + from % tuning::deferred_steps, step + 1 - from});
  from = step + 1;
}

template class DeferredUpdates<float>;
template class DeferredUpdates<double>;

}  // namespace chainrule
