// Updates of rows of parameters that no sample of a batch meets: weights of columns of sparse samples, vectors of
// words. Under most optimisers they change all the same, by a gradient of zero; that is put off until the row is met
// again, or somebody wants to see it, and then made up for in one go: the same operations in the same order, but while
// the parameters are in registers.
#pragma once

#include <vector>

#include "layers/layer.hpp"

namespace chainrule {

template <class T>
class DeferredUpdates {
 public:
  // For a first layer whose gradients touch the rows that are met alone; a batch has `entries` of them at most, some
  // perhaps twice.
  DeferredUpdates(const Layer<T>& layer, size_t first_step, size_t entries, size_t threads);

  // A thread, once the first samples are there: lists what they meet.
  void meet(const Team&, const Signal<T>& below, size_t samples);

  // One thread, before the barrier in front of a step's update: how it updates what it does not touch.
  void record(size_t step, const GradientTarget<T>& target);
  // A thread's part of the parameters, after its update in `step`: the rows that samples have met are up to date, and
  // those that the next samples meet become so.
  void updated(const Team&, size_t step);
  void bring_up(const Team&, size_t step, const Signal<T>& below, size_t next_samples);
  // The same for every row, when nothing may stay behind.
  void bring_up_all(const Team&, size_t step);

 private:
  void bring_up_row(const Team&, size_t step, size_t row);

  const Layer<T>& layer_;
  std::vector<MissedStep<T>> steps_;
  GradientTarget<T> target_ = {};
  struct Part {
    std::vector<size_t> behind;  // the step from which on a row's updates are missing
    std::vector<uint32_t> met;   // rows that the samples of the next update meet
  };
  std::vector<Part> parts_;  // one a thread
};

}  // namespace chainrule
