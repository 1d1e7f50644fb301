#include "training/deferred_updates.hpp"

#include "base/tuning.hpp"

namespace chainrule {

template <class T>
DeferredUpdates<T>::DeferredUpdates(ParameterRows<T>& rows, size_t first_step, size_t entries, size_t threads)
    : rows_(rows),
      steps_(tuning::deferred_steps),
      threads_(threads, {std::vector<size_t>(rows.row_count(), first_step), {}, {}}) {
  for (Thread& thread : threads_) {
    thread.touched.reserve(entries);
    thread.outdated.reserve(entries);
  }
}

template <class T>
void DeferredUpdates<T>::touch(const Team& team, const Signal<T>& below, size_t samples) {
  std::vector<uint32_t>& touched = threads_[team.index()].touched;
  touched.clear();
  rows_.list_touched(team, below, samples, touched);
}

template <class T>
void DeferredUpdates<T>::record(size_t step, const GradientTarget<T>& target) {
  target_ = target;
  steps_[step % tuning::deferred_steps] = *target.update;
}

template <class T>
void DeferredUpdates<T>::updated(const Team& team, size_t step) {
  Thread& thread = threads_[team.index()];
  for (const uint32_t row : thread.touched) thread.current_from[row] = step + 1;
  if ((step + 1) % tuning::deferred_steps == 0) bring_up_all(team, step);
}

template <class T>
void DeferredUpdates<T>::bring_up(const Team& team, size_t step, const Signal<T>& below, size_t next_samples) {
  touch(team, below, next_samples);
  Thread& thread = threads_[team.index()];
  thread.outdated.clear();
  for (const uint32_t row : thread.touched) {
    if (thread.current_from[row] <= step) thread.outdated.push_back(row);
  }
  const ParameterRowRuns<T> runs = rows_.row_runs(team, target_);
  for (size_t i = 0; i < thread.outdated.size(); ++i) {
    const size_t ahead = i + tuning::parameter_rows_ahead;
    if (ahead < thread.outdated.size()) prefetch(runs.row(thread.outdated[ahead]));
    bring_up_row(thread, step, thread.outdated[i], runs);
  }
}

template <class T>
void DeferredUpdates<T>::bring_up_all(const Team& team, size_t step) {
  const ParameterRowRuns<T> runs = rows_.row_runs(team, target_);
  Thread& thread = threads_[team.index()];
  for (size_t row = 0; row < rows_.row_count(); ++row) bring_up_row(thread, step, row, runs);
}

// The array of steps is a ring. All missing steps are in it, because all rows become current whenever it is full.
template <class T>
void DeferredUpdates<T>::bring_up_row(Thread& thread, size_t step, size_t row, const ParameterRowRuns<T>& runs) {
  size_t& from = thread.current_from[row];
  if (from > step) return;
  const ParameterRuns<T> own = runs.row(row);
  const MissedSteps<T> missed = {.steps = steps_.data() + from % tuning::deferred_steps, .count = step + 1 - from};
  kernels<T>().catch_up(own.first, own.count, own.stride, missed);
  from = step + 1;
}

template class DeferredUpdates<float>;
template class DeferredUpdates<double>;

}  // namespace chainrule
