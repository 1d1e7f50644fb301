#include "training/loss_stage.hpp"

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

}  // namespace

template <class T>
std::unique_ptr<LossStage<T>> make_loss_stage(const Network<T>& network, const Loss& loss, const Targets& targets) {
  return std::make_unique<KernelStage<T>>(network, loss, targets);
}

template std::unique_ptr<LossStage<float>> make_loss_stage<float>(const Network<float>&, const Loss&, const Targets&);
template std::unique_ptr<LossStage<double>> make_loss_stage<double>(const Network<double>&, const Loss&,
                                                                    const Targets&);

}  // namespace chainrule
