// What a layer is: it turns the signal below it into the signal above it, and the delta above into the delta below.
// Layers know kernels and the team of threads that works on them, but nothing of losses, optimisers or epochs.
#pragma once

#include <cmath>
#include <vector>

#include "base/team.hpp"
#include "layers/signal.hpp"

namespace chainrule {

// Where a layer's gradient goes: into memory, or through an update straight into the parameters.
template <class T>
struct GradientTarget {
  T* gradient = nullptr;                    // laid out as the parameters; unused with an update
  bool accumulate = false;                  // continue the sums that are in `gradient`
  const StepSettings<T>* update = nullptr;  // null: store
  T* slots[max_slots] = {};                 // the optimiser's state, laid out as the parameters
  T shrink = T(0);                          // decoupled weight decay of this step
  bool every_row = false;                   // update rows that no sample touches, too
};

// Runs of 16 parameters that lie at equal distances, as a row of weights does in its panels.
template <class T>
struct ParameterRuns {
  Parameters<T> first;
  size_t count, stride;
};

template <class T>
void prefetch(const ParameterRuns<T>& runs) {
  for (size_t i = 0; i < runs.count; ++i) {
    __builtin_prefetch(runs.first.values + i * runs.stride, 1);
    for (const T* slot : runs.first.slots) {
      if (slot != nullptr) __builtin_prefetch(slot + i * runs.stride, 1);
    }
  }
}

// The parameters from some place on, with their state.
template <class T>
Parameters<T> from_place(Parameters<T> parameters, size_t place) {
  parameters.values += place;
  for (T*& slot : parameters.slots) {
    if (slot != nullptr) slot += place;
  }
  return parameters;
}

// l2 / 2 |w|^2 + l1 |w|_1
template <class T>
double penalty_of(const T* weights, size_t count, double l1, double l2) {
  double penalty = 0;
  if (l2 > 0) penalty += 0.5 * l2 * kernels<T>().square_sum(weights, count);
  if (l1 > 0) {
    double absolute = 0;
    for (size_t i = 0; i < count; ++i) absolute += std::abs(double(weights[i]));
    penalty += l1 * absolute;
  }
  return penalty;
}

// What a pass is for. Where it is training, noise is drawn, from words that a sample's place in the epoch's order
// chooses, and statistics are those of the batch.
struct Pass {
  bool training = false;
  uint64_t seed = 0, epoch = 0;
  size_t place = 0;  // of the first sample
};

// Calls that take a Team are made by all its threads at once. Between two such calls stands a barrier, unless both
// share out the same samples, or the same units (by_samples).
template <class T>
class Layer {
 public:
  virtual ~Layer() = default;

  virtual size_t inputs() const = 0;
  virtual size_t outputs() const = 0;
  virtual Activation activation() const { return Activation::identity; }
  // Whether backward or the loss needs z beside a.
  virtual bool keeps_pre_activations() const { return false; }
  // Numbers that forward keeps of a sample for backward and gradient, beside its activations.
  virtual size_t kept_size() const { return 0; }
  // Whether layers above look at what is kept, by their distance (Signal::place): then prediction keeps it too.
  virtual bool shows_kept() const { return false; }
  // Numbers of a sample that it can carry from one part of a sequence to the next.
  virtual size_t state_size() const { return 0; }
  // Whether training carries it too, from a sample of a batch to the same one of the next; then it takes batches whole.
  virtual bool stateful() const { return false; }
  // Whether `gradient` builds on what backward keeps: it is called then where no delta below is asked for, too.
  virtual bool gradient_needs_backward() const { return false; }
  // Whether it is one product of rows with weights, which can step over what is listed or packed in a signal.
  virtual bool multiplies_rows() const { return false; }
  // Whether it reads and writes signals in lanes, too.
  virtual bool takes_lanes() const { return false; }
  // Multiply-adds of one sample in one product, for the choice of the number of threads.
  virtual size_t work() const = 0;

  // Parameters as users see them, and as the layer keeps them: a multiple of 16, zero where there is no parameter.
  virtual size_t parameter_count() const { return 0; }
  virtual size_t packed_size() const { return 0; }
  virtual void pack(const T* /*plain*/, T* /*packed*/) const {}
  virtual void unpack(const T* /*packed*/, T* /*plain*/) const {}
  // The layer's part of the network's parameters, where it reads and updates them from now on.
  virtual void bind(T* /*parameters*/) {}
  // Tells that the parameters were set from outside.
  virtual void parameters_changed() {}
  // Serial, before the first backward after that: what backward needs beside the parameters.
  virtual void prepare_backward() {}
  // Serial, before the first gradient.
  virtual void prepare_gradient() {}

  // What training gathers that no gradient changes, such as running means: its size, as users see it and as the layer
  // keeps it, and where the layer reads and updates it from now on.
  virtual size_t statistics_size() const { return 0; }
  virtual void bind_statistics(T* /*statistics*/) {}
  // After a training pass whose step counts: takes up the statistics of its batch.
  virtual void update_statistics(const Team&) const {}
  // Whether a training pass makes no sense for a part of a batch.
  virtual bool needs_whole_batch() const { return false; }

  // Whether a team shares out samples in forward and backward, so that nobody waits between two such layers; else it
  // shares out units: then a thread's units see no parameters but those that its part of `gradient` updates.
  virtual bool by_samples(const Team&, size_t /*samples*/) const { return true; }
  virtual void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                       const Pass&) const = 0;
  // From the delta above to the delta below, which is by the pre-activations of the layer below.
  virtual void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                        const Pass&) const = 0;
  virtual void gradient(const Team&, const Signal<T>& /*below*/, const Signal<T>& /*above*/, size_t /*samples*/,
                        const GradientTarget<T>&) const {}
  // Rows of parameters that samples may meet or not, as those of a sparse input; 0: every sample meets all parameters.
  // `gradient` may pass the others by unless it is told not to: whoever wants their updates makes up for them.
  virtual size_t parameter_rows() const { return 0; }
  // Adds those that samples meet to a list, in any order, also twice; without those of which no part is the thread's.
  virtual void list_rows(const Team&, const Signal<T>& /*below*/, size_t /*samples*/,
                         std::vector<uint32_t>& /*list*/) const {}
  // The thread's part of a row.
  virtual ParameterRuns<T> parameter_row(const Team&, size_t /*row*/, const GradientTarget<T>&) const { return {}; }
  // The layer as a single sample meets it, where rows are multiplied.
  virtual SampleLayer<T> sample_layer() const { return {}; }
  // A loss of the layer's own, such as a divergence: added to the losses of samples that have gone forward, before they
  // go back. The weights are the samples' shares of the batch's mean; backward passes down the gradient of what was
  // added, times these.
  virtual void add_loss(const Signal<T>& /*below*/, const Signal<T>& /*above*/, const Range& /*samples*/,
                        const T* /*weights*/, double* /*losses*/) const {}
  // From a stored gradient to the parameters: penalties and clipping by value, the sum of squares, the update.
  virtual void regularize(T* /*gradient*/, T /*clip_value*/) const {}
  virtual void update(const GradientTarget<T>&) const {}
  // After an update: max-norm, and what is derived from the parameters.
  virtual void finish_update(const Team&) {}
  virtual void set_penalties(double /*l1*/, double /*l2*/) {}
  virtual double penalty() const { return 0; }
  virtual bool penalized() const { return false; }
  // Whether an update changes parameters by more than their own gradients.
  virtual bool couples_parameters() const { return false; }

  // Its place in the network.
  size_t index = 0;
  bool trainable = true;
};

}  // namespace chainrule
