// What a layer is: it turns the signal below it into the signal above it, and the delta above into the delta below.
// Layers know kernels and the team of threads that works on them, but nothing of losses, optimisers or epochs. Only a
// gradient's target they know (gradient_target.hpp): it is stored, or updates the parameters at once.
#pragma once

#include <span>
#include <vector>

#include "base/team.hpp"
#include "layers/gradient_target.hpp"
#include "layers/panel_parameters.hpp"
#include "layers/signal.hpp"

namespace chainrule {

template <class T>
struct Finish;

// What a layer does to each value in its place, if that is all that it does on the way forward: in the order in which
// one pass over values can do both.
enum class Finishing { none, normalisation, activation };

// The purpose of a pass. In training, noise is drawn with random words keyed by a sample's position in the epoch, and
// statistics are those of the batch.
struct Pass {
  bool training = false;
  uint64_t seed = 0, epoch = 0;
  size_t position = 0;  // of the first sample, in the epoch
  size_t step = 0;      // in the epoch
};

// The properties of a layer that networks, workspaces and training ask for.
struct LayerTraits {
  Activation activation = Activation::identity;
  // The number of places of its outputs, steps or pixels, if the activation is a softmax at each of them; else 1.
  size_t softmax_places = 1;
  // Multiply-adds of one sample in one product, for the choice of the number of threads.
  size_t work = 0;
  // Whether backward or the loss needs z in addition to a.
  bool keeps_pre_activations = false;
  // Per sample, the number of values that forward keeps for backward and gradient in addition to the activations.
  size_t kept_size = 0;
  // Per batch, the number of float64 values that forward keeps in training.
  size_t batch_kept_size = 0;
  // The number of steps of the sequences whose padding it marks for other layers to read, in what it keeps; prediction
  // keeps that too. 0: it marks no padding.
  size_t mask_steps = 0;
  // Per sample, the state that it can carry from one part of a sequence to the next: some arrays of so many values,
  // each in whole panels.
  size_t state_arrays = 0, state_width = 0;
  // Whether training carries the state from a sample of a batch to the same one of the next batch.
  bool stateful = false;
  // The number of running statistics, which training changes without a gradient.
  size_t statistics_size = 0;
  // Whether its sources add its deltas to their own, and whether it does so with those of its readers
  // (Signal::readers).
  bool returns_deltas = false, collects_deltas = false;
  // Whether it is one product of rows with weights, which can skip zeros and read packed copies.
  bool is_row_product = false;
  // Whether it reads and writes signals in lanes, too; and the multiply-adds of one sample if it does not, with those
  // for padding.
  bool takes_lanes = false;
  size_t row_work = 0;
  // Whether it can do the same to signals in lanes, but only with both of them in one layout.
  bool keeps_layout = false;
  // Whether a training pass must not take a batch in parts.
  bool needs_whole_batch = false;
  // Whether `gradient` reads what backward computes, so that backward runs even if no delta below is needed.
  bool gradient_needs_backward = false;
  // Whether backward computes each delta below from the one above it in its place, which nothing reads afterwards, so
  // that both may be in one array.
  bool deltas_in_place = false;
  // Whether training reads its outputs z, if it has no activation, in the forward pass of the layer above only; and
  // whether it can write its outputs over such inputs, as its way back does not read them.
  bool releases_outputs = false, trains_in_place = false;
  // Whether prediction can write its outputs over its inputs, of which there are as many.
  bool predicts_in_place = false;
  // What the layer below can do instead, in its outputs' array; and whether the layer does so for layers above.
  Finishing finishing = Finishing::none;
  bool takes_finishers = false;
  // Whether an update changes parameters by more than their own gradients.
  bool couples_parameters = false;

  size_t state_size() const { return state_arrays * whole_panels(state_width); }
};

// Rows of parameters of which a sample touches only some, such as those of a sparse input or of an embedding. A
// gradient with an update can skip the others, whose updates are then deferred.
template <class T>
class ParameterRows {
 public:
  virtual ~ParameterRows() = default;

  virtual size_t row_count() const = 0;
  // Appends the rows that samples touch, in any order and possibly twice. Rows of which the thread has no part may be
  // left out.
  virtual void list_touched(const Team&, const Signal<T>& below, size_t samples, std::vector<uint32_t>& list) const = 0;
  // The thread's parts of the rows.
  virtual ParameterRowRuns<T> row_runs(const Team&, const GradientTarget<T>&) = 0;
};

// All threads of a team call the functions that take it. Between two such calls is a barrier, unless both divide the
// same samples, or the same units (by_samples). Only const functions are called by several teams at a time.
template <class T>
class Layer {
 public:
  virtual ~Layer() = default;

  virtual size_t inputs() const = 0;
  virtual size_t outputs() const = 0;
  virtual LayerTraits traits() const = 0;
  Activation activation() const { return traits().activation; }

  // From now on, the factors of its products are rounded to bfloat16. Returns false if it has products without that.
  // Called before the layer is bound.
  virtual bool mix() { return true; }

  // Whether it can read the signals above these layers (Signal::sources).
  virtual bool takes_sources(std::span<const Layer* const> sources) const { return sources.empty(); }

  // Whether a team divides samples in forward and backward, if they are in rows, so that no barrier is needed between
  // two such layers. Else it divides units, and a thread's units read only the parameters that its part of `gradient`
  // updates.
  virtual bool by_samples(const Team&, size_t /*samples*/) const { return true; }
  virtual void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                       const Pass&) const = 0;
  // From the delta above to the delta below, which is by the pre-activations of the layer below.
  virtual void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                        const Pass&) const = 0;
  // Adds what it does to what the layer below does, if it has a `finishing`.
  virtual void add_to(Finish<T>&) const {}
  virtual void gradient(const Team&, const Signal<T>& /*below*/, const Signal<T>& /*above*/, size_t /*samples*/,
                        const GradientTarget<T>&) {}
  // The number of parts in which a stored gradient is computed, in their order, and where one of them is. They are as
  // small as messages should be, or smaller by a factor.
  virtual size_t gradient_parts(size_t /*smaller*/) const { return 1; }
  virtual std::vector<GradientRuns> gradient_runs(const GradientPart&) const {
    return {{0, parameters_.packed_size()}};
  }
  // The sums over a batch that the layer keeps outside of a stored gradient until this is complete.
  virtual std::span<T> sums_next_to_gradient() { return {}; }
  // Called by one thread once the stored gradients of all chunks of a batch are added up, and before they are read: a
  // layer may store sums of which its gradient is made, so that chunks change no order of additions.
  virtual void complete_gradient(T* /*gradient*/) {}
  // Adds the layer's own loss, such as a divergence, to the losses of samples, between forward and backward. The
  // weights are the samples' shares of the batch's mean; backward adds the gradient of that loss times these.
  virtual void add_loss(const Signal<T>& /*below*/, const Signal<T>& /*above*/, const Range& /*samples*/,
                        const T* /*weights*/, double* /*losses*/) const {}
  // After a training pass whose step counts: updates the running statistics by those of the batch.
  virtual void update_statistics(const Team&, const Signal<T>& /*above*/) {}

  // Whether a number of the layer, such as a rate of dropout, can differ from step to step (set_schedule).
  virtual bool takes_schedule() const { return false; }
  // Sets that number for the steps of an epoch; the last one stays. Called by one thread, for a layer that takes it.
  virtual void set_schedule(std::vector<double> /*values*/) {}

  const PanelParameters<T>& parameters() const { return parameters_; }
  PanelParameters<T>& parameters() { return parameters_; }
  // Not null if samples touch only some rows of the parameters.
  virtual ParameterRows<T>* parameter_rows() { return nullptr; }

  // The layer's parts of the network's parameters and statistics, which it reads and updates from now on.
  void bind(T* parameters, T* statistics) {
    parameters_.bind(parameters);
    statistics_ = statistics;
    parameters_changed();
  }
  // Called by one thread when parameters were set from outside, before the layer is used again.
  virtual void parameters_changed() {}
  // Called by one thread before the first pass back after that. Without `passes_deltas`, only `gradient` will be
  // called, or `backward` for its sake.
  virtual void prepare_backward(bool /*passes_deltas*/) {}
  // Called by a team after an update: limits norms, and recomputes what is derived from the parameters.
  virtual void finish_update(const Team&) {}

  size_t index = 0;  // in the network
  bool trainable = true;

 protected:
  Layer() = default;
  explicit Layer(PanelParameters<T> parameters) : parameters_(std::move(parameters)) {}

  PanelParameters<T> parameters_;
  T* statistics_ = nullptr;
};

}  // namespace chainrule
