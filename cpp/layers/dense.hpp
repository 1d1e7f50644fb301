// A fully connected layer: z = x W + b, a = f(z). Weights are panels [outputs / 16][inputs][16], followed by the bias;
// a transposed copy [inputs / 16][outputs][16] serves the input gradient. In mixed precision, both have copies in
// bfloat16 instead (mixed.hpp).
#pragma once

#include "base/aligned.hpp"
#include "layers/layer.hpp"
#include "layers/mixed.hpp"
#include "layers/settings.hpp"

namespace chainrule {

struct DenseSettings {
  static constexpr const char* name = "DenseSettings";

  size_t units;
  Activation activation;
  double l1;
  double l2;
  double max_norm;  // 0: none
  bool use_bias = true;

  static constexpr auto fields() {
    using S = DenseSettings;
    return std::tuple(field("units", &S::units), field("activation", &S::activation), field("l1", &S::l1),
                      field("l2", &S::l2), field("max_norm", &S::max_norm), field("use_bias", &S::use_bias));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Dense final : public Layer<T>, public ParameterRows<T> {
 public:
  struct Options {
    Activation activation;
    double l1, l2, max_norm;  // max_norm 0: none
    bool use_bias = true;
  };

  Dense(size_t inputs, size_t outputs, const Options& options);

  size_t inputs() const override { return inputs_; }
  size_t outputs() const override { return outputs_; }
  LayerTraits traits() const override;
  bool mix() override;

  bool by_samples(const Team&, size_t samples) const override;
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;
  void gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                const GradientTarget<T>&) override;

  // Weights of some inputs each, and the bias.
  size_t gradient_parts(size_t smaller) const override;
  std::vector<GradientRuns> gradient_runs(const GradientPart& part) const override;

  void parameters_changed() override;
  // Transposes the weights; updates keep the copy current from then on.
  void prepare_backward(bool passes_deltas) override;
  void finish_update(const Team&) override;

  // The rows are the weights of one input each.
  ParameterRows<T>* parameter_rows() override { return this; }
  size_t row_count() const override { return inputs_; }
  void list_touched(const Team&, const Signal<T>& below, size_t samples, std::vector<uint32_t>& list) const override;
  ParameterRowRuns<T> row_runs(const Team&, const GradientTarget<T>&) override;

 private:
  enum Part : size_t { weights, bias };
  struct Share {
    Range rows, panels;
  };

  size_t panels() const { return panel_count(outputs_); }
  size_t weights_size() const { return this->parameters_.matrix(weights).packed_size(); }
  // A thread's part of the weights of some inputs: panels if there are enough for all threads, else rows.
  Share weights_share(const Team& team, const Range& inputs) const;
  Share weights_share(const Team& team) const { return weights_share(team, {0, inputs_}); }
  // The inputs whose weights are a part of the gradient, in whole blocks of packed columns; none if it is the bias.
  Range inputs_of(const GradientPart& part) const;
  void weight_gradient(const Signal<T>& below, const Signal<T>& above, size_t samples, const Range& inputs,
                       const Share& own, const GradientTarget<T>& target);
  bool shares_panels(const Team& team) const { return panels() >= 2 * team.size(); }
  void transpose(const Share& share);

  size_t inputs_, outputs_;
  Activation activation_;
  double max_norm_;
  AlignedArray<T> transposed_;
  bool transposed_current_ = false;
  bool mixed_ = false;
  PairedWeights<T> paired_;
};

template <class T>
std::unique_ptr<Layer<T>> DenseSettings::make(size_t inputs) const {
  return std::make_unique<Dense<T>>(inputs, units, typename Dense<T>::Options{activation, l1, l2, max_norm, use_bias});
}

}  // namespace chainrule
