#include "training/whole_gradient.hpp"

#include <algorithm>
#include <cmath>

#include "data/sizes.hpp"
#include "training/gatherer.hpp"
#include "training/loss_stage.hpp"

namespace chainrule {

template <class T>
GradientTarget<T> stored_gradient(const Network<T>& network, T* gradient, size_t layer, bool accumulate) {
  return {.gradient = gradient + network.offset(layer), .accumulate = accumulate};
}

template <class T>
GradientTarget<T> updating(const Network<T>& network, OptimizerState<T>& state, const StepSettings<T>& settings,
                           size_t layer) {
  GradientTarget<T> target = {.update = &settings};
  for (size_t i = 0; i < state.slots().size(); ++i) {
    target.slots[i] = state.slots()[i].data() + network.offset(layer);
  }
  return target;
}

namespace {

// The norm of numbers whose squares are too large or too small: they are scaled by the largest before they are squared.
template <class T>
double scaled_norm(const T* values, size_t size) {
  double largest = 0, squares = 0;
  for (size_t i = 0; i < size; ++i) largest = std::max(largest, std::abs(double(values[i])));
  if (largest == 0) return 0;
  for (size_t i = 0; i < size; ++i) squares += (values[i] / largest) * (values[i] / largest);
  return largest * std::sqrt(squares);
}

}  // namespace

template <class T>
void WholeGradientStep<T>::run(const Team& team, StepSettings<T> settings, T* gradient, bool is_complete) {
  const bool clips_norm = optimizer_.clips_norm();
  for (size_t i = team.index(); i < network_.size(); i += team.size()) {
    if (!network_.layer(i).trainable) continue;
    T* const of_layer = gradient + network_.offset(i);
    if (!is_complete) network_.layer(i).complete_gradient(of_layer);
    if (!clips_norm) continue;
    if (!is_complete) network_.layer(i).parameters().regularize(of_layer, settings.clip_value);
    measure(i, of_layer);
  }
  team.barrier();
  if (clips_norm) {
    settings.scale = scale();
    if (!is_complete) settings.clip_value = T(0);
  }
  for (size_t i = 0; i < network_.size(); ++i) {
    if (!network_.layer(i).trainable) continue;
    GradientTarget<T> target = updating(network_, state_, settings, i);
    target.gradient = gradient + network_.offset(i);
    network_.layer(i).parameters().update(team, target, clips_norm || is_complete);
  }
  team.barrier();
}

template <class T>
void WholeGradientStep<T>::measure(size_t layer, const T* gradient) {
  const size_t size = network_.layer(layer).parameters().packed_size();
  const double squares = kernels<T>().square_sum(gradient, size);
  square_sums_.data()[layer] = squares;
  norms_.data()[layer] = std::isnormal(squares) ? std::sqrt(squares) : scaled_norm(gradient, size);
}

template <class T>
double WholeGradientStep<T>::norm() const {
  double squares = 0;
  for (size_t i = 0; i < network_.size(); ++i) squares += square_sums_.data()[i];
  return std::isnormal(squares) ? std::sqrt(squares) : scaled_norm(norms_.data(), network_.size());
}

template <class T>
T WholeGradientStep<T>::scale() const {
  const double longest = optimizer_.settings().clip_norm, length = norm();
  return longest > 0 && length > longest ? T(longest / length) : T(1);
}

namespace {

// The gradients of all trainable layers from their deltas, into an array laid out as the parameters.
template <class T>
void store_gradients(const Team& team, Network<T>& network, const std::vector<Signal<T>>& signals, size_t samples,
                     T* gradient, bool accumulate) {
  for (size_t i = 0; i < network.size(); ++i) {
    if (!network.layer(i).trainable) continue;
    network.layer(i).gradient(team, signals[i], signals[i + 1], samples,
                              stored_gradient(network, gradient, i, accumulate));
  }
}

template <class T>
void complete_gradients(Network<T>& network, T* gradient) {
  for (size_t i = 0; i < network.size(); ++i) {
    if (network.layer(i).trainable) network.layer(i).complete_gradient(gradient + network.offset(i));
  }
}

}  // namespace

template <class T>
double loss_and_gradient(Network<T>& network, Workspace<T>& workspace, const Data& data, const Loss& loss,
                         T* gradient) {
  const size_t samples = data.inputs.rows;
  const size_t capacity = workspace.capacity();
  const size_t threads = threads_for(double(samples) * network.work(data.inputs.entries()) * 3);
  const Gatherer<T> gatherer(network, data, loss, nullptr);
  Chunk<T> chunk(data.inputs, capacity, network.outputs(), Columns::filled, threads, data.step_weights != nullptr);
  const std::unique_ptr<LossStage<T>> stage = make_loss_stage(network, loss, data.targets);
  const double weight = gatherer.add_weights(0, samples, 0);
  Totals totals;
  std::memset(gradient, 0, network.parameters().size() * sizeof(T));
  network.prepare_backward(1);
  std::vector<Signal<T>> common = workspace.signals();
  if (!network.layer(0).traits().is_row_product) chunk.inputs.set_skips({});
  chunk.inputs.attach(common[0]);
  run_team(threads, [&](const Team& team) {
    std::vector<Signal<T>> signals = common;
    for (size_t first = 0; first < samples; first += capacity) {
      const size_t count = std::min(capacity, samples - first);
      gatherer.gather(team, first, count, first, weight, chunk);
      team.barrier();
      chunk.inputs.list_samples(count, team.index(), team.size());
      network.forward(team, signals, count, {});
      stage->compute(team, signals, chunk);
      if (stage->failed()) return;
      network.backward(team, signals, count, 1, {});
      store_gradients(team, network, signals, count, gradient, true);
      if (team.index() == 0) chunk.add_to(totals);
      team.barrier();
    }
  });
  if (!data.inputs.sparse() && capacity == samples) {
    std::memcpy(workspace.signals()[0].activations, common[0].activations, samples * common[0].stride * sizeof(T));
  }
  complete_gradients(network, gradient);
  for (size_t i = 0; i < network.size(); ++i) {
    if (network.layer(i).trainable) network.layer(i).parameters().regularize(gradient + network.offset(i), T(0));
  }
  return totals.mean_loss() + network.penalty();
}

template <class T>
void send_deltas_down(Network<T>& network, Workspace<T>& workspace, size_t samples, size_t lowest, const Pass& pass) {
  network.prepare_backward(lowest);
  // The caller's error stands for the whole objective: with weights of zero, the layers' own losses add nothing to it.
  const AlignedArray<T> no_weights(samples);
  AlignedArray<double> losses(samples);
  network.add_losses(workspace.signals(), {0, samples}, no_weights.data(), losses.data());
  run_team(threads_for(double(samples) * network.work(network.inputs())),
           [&](const Team& team) { network.backward(team, workspace.signals(), samples, lowest, pass); });
}

template <class T>
void backward(Network<T>& network, Workspace<T>& workspace, size_t samples, const Pass& pass, T* gradient) {
  std::memset(gradient, 0, network.parameters().size() * sizeof(T));
  send_deltas_down(network, workspace, samples, 0, pass);
  run_team(threads_for(double(samples) * network.work(network.inputs())),
           [&](const Team& team) { store_gradients(team, network, workspace.signals(), samples, gradient, false); });
  complete_gradients(network, gradient);
}

template <class T>
void step(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, double rate, T* gradient) {
  WholeGradientStep<T> whole(network, state, optimizer);
  const StepSettings<T> settings = state.next_step(optimizer, rate, optimizer.settings().weight_decay);
  run_team(1, [&](const Team& team) {
    whole.run(team, settings, gradient, true);
    network.finish_update(team);
  });
}

#define CHAINRULE_INSTANTIATE(T)                                                                                 \
  template GradientTarget<T> stored_gradient<T>(const Network<T>&, T*, size_t, bool);                            \
  template GradientTarget<T> updating<T>(const Network<T>&, OptimizerState<T>&, const StepSettings<T>&, size_t); \
  template class WholeGradientStep<T>;                                                                           \
  template double loss_and_gradient<T>(Network<T>&, Workspace<T>&, const Data&, const Loss&, T*);                \
  template void send_deltas_down<T>(Network<T>&, Workspace<T>&, size_t, size_t, const Pass&);                    \
  template void backward<T>(Network<T>&, Workspace<T>&, size_t, const Pass&, T*);                                \
  template void step<T>(Network<T>&, OptimizerState<T>&, const Optimizer&, double, T*)
CHAINRULE_INSTANTIATE(float);
CHAINRULE_INSTANTIATE(double);
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
