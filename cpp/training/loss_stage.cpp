#include "training/loss_stage.hpp"

#include <algorithm>

#include "training/place_losses.hpp"

namespace chainrule {

namespace {

// A loss that a kernel computes.
template <class T>
class KernelStage : public LossStage<T> {
 public:
  KernelStage(const Network<T>& network, const Loss& loss, const Targets& targets)
      : network_(network),
        loss_(loss),
        metric_(metric_of(loss, network.output_activation(), network.outputs(), targets)),
        target_columns_(target_columns(loss, network.outputs())),
        first_predicted_(first_predicted(loss, network.outputs())),
        places_(target_columns_ > targets.places ? targets.places : 1),
        quantiles_(loss.quantiles.empty() ? 0 : row_stride<T>(network.outputs())) {
    for (size_t i = 0; i < network.outputs() && quantiles_.size() > 0; ++i) {
      quantiles_.data()[i] = T(loss.quantiles[i / target_columns_]);
    }
  }

  void compute(const Team& team, const std::vector<Signal<T>>& signals, Chunk<T>& chunk) const override {
    const Range samples = team.share_rows(chunk.samples);
    const LossRows<T> rows = {.output = rows_of(signals.back(), samples),
                              .loss = loss_.kind,
                              .metric = metric_,
                              .huber_delta = T(loss_.huber_delta),
                              .target_columns = target_columns_,
                              .targets = chunk.targets.data(),
                              .weights = chunk.weights.data(),
                              .output_weights = chunk.output_weights.empty() ? nullptr : chunk.output_weights.data(),
                              .losses = chunk.losses.data(),
                              .metrics = chunk.metrics.data(),
                              .quantiles = quantiles_.data(),
                              .first_predicted = first_predicted_};
    if (places_ == 1) {
      kernels<T>().loss(rows);
    } else {
      losses_at_places(rows, places_);
    }
    network_.add_losses(signals, samples, chunk.weights.data(), chunk.losses.data());
  }

 private:
  const Network<T>& network_;
  Loss loss_;
  Metric metric_;
  size_t target_columns_, first_predicted_;
  size_t places_;  // at which classes are told apart
  AlignedArray<T> quantiles_;
};

// A loss that thread 0 computes outside, while the others wait.
template <class T>
class OutsideStage : public LossStage<T> {
 public:
  OutsideStage(const Network<T>& network, OutsideLoss& loss) : network_(network), loss_(loss) {}

  void compute(const Team& team, const std::vector<Signal<T>>& signals, Chunk<T>& chunk) const override {
    const Signal<T>& output = signals.back();
    team.barrier();
    if (team.index() == 0) {
      loss_.compute(OutsideRows<T>{.samples = chunk.samples,
                                   .outputs = output.size,
                                   .stride = output.stride,
                                   .source_rows = chunk.source_rows.data(),
                                   .values = output.activations,
                                   .weights = chunk.raw_weights.data(),
                                   .losses = chunk.losses.data(),
                                   .metrics = chunk.metrics.data(),
                                   .gradient = output.deltas});
    }
    team.barrier();
    if (failed()) return;
    const Range samples = team.share_rows(chunk.samples);
    for (size_t i = samples.begin; i < samples.end; ++i) {
      T* deltas = output.deltas + i * output.stride;
      const T weight = chunk.weights.data()[i];
      for (size_t k = 0; k < output.size; ++k) deltas[k] = weight == 0 ? T(0) : deltas[k] * weight;
      std::fill(deltas + output.size, deltas + whole_panels(output.size), T(0));
    }
    multiply_by_derivative(output, samples);
    network_.add_losses(signals, samples, chunk.weights.data(), chunk.losses.data());
  }

  bool failed() const override { return loss_.failed(); }

 private:
  const Network<T>& network_;
  OutsideLoss& loss_;
};

}  // namespace

template <class T>
std::unique_ptr<LossStage<T>> make_loss_stage(const Network<T>& network, const Loss& loss, const Targets& targets) {
  if (loss.outside != nullptr) return std::make_unique<OutsideStage<T>>(network, *loss.outside);
  return std::make_unique<KernelStage<T>>(network, loss, targets);
}

template std::unique_ptr<LossStage<float>> make_loss_stage<float>(const Network<float>&, const Loss&, const Targets&);
template std::unique_ptr<LossStage<double>> make_loss_stage<double>(const Network<double>&, const Loss&,
                                                                    const Targets&);

}  // namespace chainrule
