// What a layer is: it turns the signal below it into the signal above it, and the delta above into the delta below.
// Layers know kernels and the team of threads that works on them, but nothing of losses, optimisers or epochs.
#pragma once

#include <vector>

#include "kernels/table.hpp"
#include "layers/non_zeros.hpp"
#include "training/team.hpp"

namespace chainrule {

// The values between two layers for a batch: row-major (samples, size) with a stride that is a multiple of 16. Delta is
// dE/dz: who computes it (the layer above, or the loss) has multiplied by the activation's derivative already.
template <class T>
struct Signal {
  size_t size = 0;
  size_t stride = 0;
  Activation activation = Activation::identity;
  T* pre_activations = nullptr;  // the activations themselves where nobody needs both
  T* activations = nullptr;
  T* deltas = nullptr;  // null: nobody asks for them
  // Copies in the order of the weight gradient (packing.hpp), for batches that are large enough; else null.
  T* packed_activations = nullptr;
  T* packed_deltas = nullptr;
  size_t capacity = 0;  // samples that there is room for
  // Where the activations are not zero, if that is worth knowing: lists of columns for samples, and of samples for
  // columns, in parts. Columns without a list are zero in all samples.
  const std::vector<NonZeros<T>>* of_samples = nullptr;
  const std::vector<NonZeros<T>>* of_columns = nullptr;
  // Where to list the columns once the activations are there; null: nowhere. The deltas of a layer whose derivative is
  // zero where its activation is, as ReLU's, have the same lists.
  NonZeroLists<T>* lists = nullptr;
};

// Where a layer's gradient goes: into memory, or through an update straight into the parameters.
template <class T>
struct GradientTarget {
  T* gradient;                    // laid out as the parameters; unused with an update
  bool accumulate;                // continue the sums that are in `gradient`
  const StepSettings<T>* update;  // null: store
  T* slots[max_slots];            // the optimiser's state, laid out as the parameters
  T shrink;                       // decoupled weight decay of this step
};

// Calls that take a Team are made by all its threads at once. Between two such calls stands a barrier, unless both
// share out the same samples, or the same units (by_samples).
template <class T>
class Layer {
 public:
  virtual ~Layer() = default;

  virtual size_t inputs() const = 0;
  virtual size_t outputs() const = 0;
  virtual Activation activation() const = 0;
  // Whether backward or the loss needs z beside a.
  virtual bool keeps_pre_activations() const = 0;
  // Multiply-adds of one sample in one product, for the choice of the number of threads.
  virtual size_t work() const = 0;

  // Parameters as users see them (row-major weights, then bias), and as the layer keeps them.
  virtual size_t parameter_count() const = 0;
  virtual size_t packed_size() const = 0;
  virtual void pack(const T* plain, T* packed) const = 0;
  virtual void unpack(const T* packed, T* plain) const = 0;
  // The layer's part of the network's parameters, where it reads and updates them from now on.
  virtual void bind(T* parameters) = 0;
  // Tells that the parameters were set from outside.
  virtual void parameters_changed() = 0;
  // Serial, before the first backward after that: what backward needs beside the parameters.
  virtual void prepare_backward() = 0;

  // Whether a team shares out samples in forward and backward, so that nobody waits between two such layers; else it
  // shares out units: then a thread's units see no parameters but those that its part of `gradient` updates.
  virtual bool by_samples(const Team&, size_t samples) const = 0;
  virtual void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples) const = 0;
  virtual void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples) const = 0;
  // The thread's part of one input's parameters, which `gradient` has passed by for some steps.
  virtual void catch_up(const Team&, size_t input, const GradientTarget<T>&, const MissedSteps<T>&) const = 0;
  // Sends for what `catch_up` will soon be asked for.
  virtual void expect(const Team&, size_t input, const GradientTarget<T>&) const = 0;
  virtual void gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                        const GradientTarget<T>&) const = 0;
  // The layer as a single sample meets it.
  virtual SampleLayer<T> sample_layer() const = 0;
  // From a stored gradient to the parameters: penalties and clipping by value, the sum of squares, the update.
  virtual void regularize(T* gradient, T clip_value) const = 0;
  virtual void update(const GradientTarget<T>&) const = 0;
  // After an update: max-norm, and what is derived from the parameters.
  virtual void finish_update(const Team&) = 0;
  virtual void set_penalties(double l1, double l2) = 0;
  virtual double penalty() const = 0;
  virtual bool penalized() const = 0;
  // Whether an update changes parameters by more than their own gradients.
  virtual bool couples_parameters() const = 0;

  bool trainable = true;
};

}  // namespace chainrule
