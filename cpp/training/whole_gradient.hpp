// The whole gradient: stored in an array before any parameter changes, as clipping by norm, batches in chunks, and
// callers who take the gradient themselves need it.
#pragma once

#include "network/workspace.hpp"
#include "training/optimizers.hpp"
#include "training/training_data.hpp"

namespace chainrule {

// The target of a layer's gradient in an array laid out as the parameters.
template <class T>
GradientTarget<T> stored_gradient(const Network<T>& network, T* gradient, size_t layer, bool accumulate);

// The target that updates the layer's parameters at once.
template <class T>
GradientTarget<T> updating(const Network<T>& network, OptimizerState<T>& state, const StepSettings<T>& settings,
                           size_t layer);

// One update from a stored gradient: penalties, clipping, the optimiser's rule. All threads of a team call it.
template <class T>
class WholeGradientStep {
 public:
  WholeGradientStep(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer)
      : network_(network), state_(state), optimizer_(optimizer), square_sums_(network.size()), norms_(network.size()) {}

  // A complete gradient has the penalties' already, and lacks nothing that its layers do once a batch is added up.
  void run(const Team& team, StepSettings<T> settings, T* gradient, bool is_complete);

 private:
  void measure(size_t layer, const T* gradient);
  double norm() const;
  T scale() const;

  Network<T>& network_;
  OptimizerState<T>& state_;
  const Optimizer& optimizer_;
  // Of each layer's gradient. The norm counts where the squares are too large or too small for a double.
  AlignedArray<double> square_sums_, norms_;
};

// The objective (with penalties) and its gradient, laid out as the parameters. Afterwards, the workspace holds the
// signals of the last chunk, which is the whole batch if the workspace's capacity is the number of samples.
template <class T>
double loss_and_gradient(Network<T>& network, Workspace<T>& workspace, const Data& data, const Loss& loss, T* gradient);

// The deltas of the layers from `lowest - 1` on, from those of the workspace's output; 0: also that of the inputs.
template <class T>
void send_deltas_down(Network<T>& network, Workspace<T>& workspace, size_t samples, size_t lowest, const Pass& pass);

// Gradients of all trainable layers, and the delta below the first layer, from the deltas of the workspace's output.
template <class T>
void backward(Network<T>& network, Workspace<T>& workspace, size_t samples, const Pass& pass, T* gradient);

// One update from a stored gradient, which is scaled if it is clipped.
template <class T>
void step(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, double rate, T* gradient);

}  // namespace chainrule
