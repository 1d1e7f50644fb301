// Deferred updates of rows of parameters that no sample of a batch touches: weights of columns of sparse samples,
// vectors of tokens. Under most optimisers such rows change even though their gradient is zero. Their updates are
// deferred until a sample touches the row again or the parameters are read, and then made in one go: the same
// operations in the same order, but in registers.
#pragma once

#include <vector>

#include "layers/layer.hpp"

namespace chainrule {

template <class T>
class DeferredUpdates {
 public:
  // `entries`: the largest number of rows that a batch touches, counting repetitions.
  DeferredUpdates(ParameterRows<T>& rows, size_t first_step, size_t entries, size_t threads);

  // All threads, once the first samples are gathered: lists the rows that they touch.
  void touch(const Team&, const Signal<T>& below, size_t samples);

  // One thread, before the barrier that precedes a step's update: records how the step updates untouched rows.
  void record(size_t step, const GradientTarget<T>& target);
  // All threads, each for its part of the parameters, after its update in `step`: the touched rows are current.
  void updated(const Team&, size_t step);
  // Makes the deferred updates of the rows that the next samples touch.
  void bring_up(const Team&, size_t step, const Signal<T>& below, size_t next_samples);
  // Makes all deferred updates.
  void bring_up_all(const Team&, size_t step);

 private:
  struct Thread {
    std::vector<size_t> current_from;  // per row, the first step whose update is missing
    std::vector<uint32_t> touched;     // the rows that the samples of the next update touch
    std::vector<uint32_t> outdated;    // those of them whose updates are missing
  };
  void bring_up_row(Thread& thread, size_t step, size_t row, const ParameterRowRuns<T>& runs);

  ParameterRows<T>& rows_;
  std::vector<StepSettings<T>> steps_;
  GradientTarget<T> target_ = {};
  std::vector<Thread> threads_;
};

}  // namespace chainrule
