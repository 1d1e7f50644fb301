// Updates of columns that a batch of sparse samples does not touch. Under most optimisers they change all the same, by
// a gradient of zero; that is put off until the column is met again, or somebody wants to see it, and then made up for
// in one go: the same operations in the same order, but while the parameters are in registers.
#pragma once

#include <vector>

#include "layers/layer.hpp"

namespace chainrule {

template <class T>
class DeferredUpdates {
 public:
  // For a first layer whose updates touch listed columns alone.
  DeferredUpdates(Layer<T>& layer, size_t first_step, size_t threads);

  // One thread, before the barrier in front of a step's update: how it updates what it does not touch.
  void record(size_t step, const GradientTarget<T>& target);
  // A thread's part of the parameters, after its update in `step`: the columns that it has touched are up to date, and
  // those that the next samples need become so.
  void touched(const Team&, size_t step, const std::vector<NonZeros<T>>& columns);
  void bring_up(const Team&, size_t step, const std::vector<NonZeros<T>>& next_samples);
  // The same for every column, when nothing may stay behind.
  void bring_up_all(const Team&, size_t step);

 private:
  // Steps that are remembered.
  static constexpr size_t capacity = 1024;

  void bring_up_column(const Team&, size_t step, size_t column);

  Layer<T>& layer_;
  std::vector<MissedStep<T>> steps_;
  GradientTarget<T> target_ = {};
  // For each thread, the step from which on a column's updates are missing.
  std::vector<std::vector<size_t>> behind_;
};

}  // namespace chainrule
