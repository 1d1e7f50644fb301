// A loss as the user names it, and its targets: labels or rows, which are gathered into padded rows.
#pragma once

#include <cstdint>
#include <vector>

#include "data/source.hpp"
#include "kernels/table.hpp"
#include "training/outside_loss.hpp"

namespace chainrule {

struct Loss {
  LossKind kind;
  double label_smoothing = 0;
  double huber_delta = 1;
  std::vector<double> quantiles = {};  // of the loss of that name, not empty
  OutsideLoss* outside = nullptr;      // if it is set, it computes the loss, of the targets where they are
};

// Exactly one of labels and rows is set.
struct Targets {
  const int64_t* labels = nullptr;
  // The places of a sample, steps or pixels, at each of which a loss is computed and a label is given.
  size_t places = 1;
  const Source* rows = nullptr;
};

// Whether a loss can be computed from such outputs.
bool takes_output(const Loss& loss, Activation output, size_t outputs);

// The number of targets of a sample, for so many outputs.
size_t target_columns(const Loss& loss, size_t outputs);

// The metric that is reported with a loss. Classes of several outputs are decided by the largest output, independent
// labels by the side of 1/2.
Metric metric_of(const Loss& loss, Activation output, size_t outputs, const Targets& targets);

// The first of the outputs that predict the targets: with quantiles, those of the one nearest to 1/2.
size_t first_predicted(const Loss& loss, size_t outputs);

// Writes the target row of one sample: with label smoothing, and 1 and -1 for hinge, and repeated for
// each quantile; nothing for an outside loss. `to` holds `outputs` numbers; those after the targets are not changed.
template <class T>
void gather_target(const Targets& targets, const Loss& loss, Activation output, size_t outputs, size_t row, T* to);

}  // namespace chainrule
