// A loss as the user names it, and its targets: labels or rows, turned into padded rows batch by batch.
#pragma once

#include <cstdint>

#include "data/source.hpp"
#include "kernels/table.hpp"

namespace chainrule {

struct Loss {
  LossKind kind;
  double label_smoothing = 0;
  double huber_delta = 1;
};

// Exactly one of labels and rows is set.
struct Targets {
  const int64_t* labels = nullptr;
  const Source* rows = nullptr;
};

// How many targets a sample has, for so many outputs.
size_t target_columns(const Loss& loss, size_t outputs);

// Labels of several outputs, and softmax, ask for the largest output; independent labels for the right side of 1/2.
Metric metric_of(const Loss& loss, Activation output, size_t outputs, const Targets& targets);

// The target row of one sample, label smoothing applied, and 1 and -1 for hinge; `to` has room for `outputs` and stays
// zero behind the targets.
template <class T>
void gather_target(const Targets& targets, const Loss& loss, Activation output, size_t outputs, size_t row, T* to);

}  // namespace chainrule
