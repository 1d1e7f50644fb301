// Members of a network that are trained side by side. A sample is (members, features): a row of features per member.
#pragma once

#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

struct RepeatSettings {
  static constexpr const char* name = "RepeatSettings";

  size_t members;

  static constexpr auto fields() { return std::tuple(field("members", &RepeatSettings::members)); }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

// Every member has the same features: z_i = x.
template <class T>
class Repeat final : public Layer<T> {
 public:
  Repeat(size_t members, size_t features) : members_(members), features_(features) {}

  size_t inputs() const override { return features_; }
  size_t outputs() const override { return members_ * features_; }
  LayerTraits traits() const override { return {.work = outputs()}; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  // Adds up the deltas of the members in their order.
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t members_, features_;
};

// What layers of members with weights have in common.
struct MemberOptions {
  size_t members, features, units;
  Activation activation;
  double l1, l2;

  LayerTraits traits(size_t kept_size) const {
    return {.activation = activation,
            .softmax_places = activation == Activation::softmax ? members : 1,
            .work = members * features * whole_panels(units),
            .keeps_pre_activations = derivative_needs_pre_activation(activation),
            .kept_size = kept_size};
  }
};

struct BatchEnsembleSettings {
  static constexpr const char* name = "BatchEnsembleSettings";

  size_t members;
  size_t units;
  Activation activation;
  double l1;
  double l2;

  static constexpr auto fields() {
    using S = BatchEnsembleSettings;
    return std::tuple(field("members", &S::members), field("units", &S::units), field("activation", &S::activation),
                      field("l1", &S::l1), field("l2", &S::l2));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

// Members with the same weights W, each with factors of its inputs and outputs and a bias:
// z_i = ((x_i r_i) W) s_i + b_i (Wen, Tran and Ba 2020).
template <class T>
class BatchEnsemble final : public StoredGradientLayer<T> {
 public:
  explicit BatchEnsemble(const MemberOptions& options);

  size_t inputs() const override { return options_.members * options_.features; }
  size_t outputs() const override { return options_.members * options_.units; }
  bool mix() override { return false; }
  LayerTraits traits() const override;

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  bool derives() const override { return true; }
  void derive(const Team&) override;

 private:
  enum Part : size_t { weights, input_factors, output_factors, bias };
  // What a sample keeps, in rows of whole panels per member: (x r) W, and the gradient by x r.
  struct Kept {
    T *products, *factored_gradient;
  };

  size_t columns() const { return whole_panels(options_.units); }
  size_t width() const { return whole_panels(options_.features); }
  Kept kept_of(const Signal<T>& above, size_t sample) const {
    T* const kept = above.kept + sample * above.kept_stride;
    return {kept, kept + options_.members * columns()};
  }
  // The samples whose members are the rows of one product: enough rows to read the weights, or to add to their
  // gradient, for many of them at once.
  size_t samples_per_product() const { return options_.members < 96 ? 96 / options_.members : 1; }
  // x r of some samples, in rows of whole panels.
  T* factored_inputs(const Signal<T>& below, const Range& samples) const;
  void finish(const T* products, size_t sample, const Signal<T>& above) const;
  void add_weight_gradient(const Range& panels, const Signal<T>& below, const Signal<T>& above, const Range& samples,
                           T* gradient) const;
  void add_unit_gradients(const Range& panels, const Signal<T>& above, size_t sample, T* factored, T* gradient) const;
  void add_factor_gradients(const Range& panels, const Signal<T>& below, const Signal<T>& above, size_t sample,
                            T* gradient) const;

  MemberOptions options_;
  AlignedArray<T> transposed_;
  // The vectors of each member as rows.
  AlignedArray<T> input_rows_, output_rows_, bias_rows_;
};

struct SeparateDenseSettings {
  static constexpr const char* name = "SeparateDenseSettings";

  size_t members;
  size_t units;
  Activation activation;
  double l1;
  double l2;

  static constexpr auto fields() {
    using S = SeparateDenseSettings;
    return std::tuple(field("members", &S::members), field("units", &S::units), field("activation", &S::activation),
                      field("l1", &S::l1), field("l2", &S::l2));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

// Members with weights of their own: z_i = x_i W_i + b_i. The rows of the weights are those of all members in a row.
template <class T>
class SeparateDense final : public StoredGradientLayer<T> {
 public:
  explicit SeparateDense(const MemberOptions& options);

  size_t inputs() const override { return options_.members * options_.features; }
  size_t outputs() const override { return options_.members * options_.units; }
  bool mix() override { return false; }
  LayerTraits traits() const override { return options_.traits(0); }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  bool derives() const override { return true; }
  void derive(const Team&) override;

 private:
  enum Part : size_t { weights, bias };

  size_t columns() const { return whole_panels(options_.units); }
  size_t width() const { return whole_panels(options_.features); }
  // From one panel of weights to the next, and from one member to the next.
  size_t to_panel() const { return options_.members * options_.features * panel_width; }
  size_t to_member() const { return options_.features * panel_width; }

  MemberOptions options_;
  AlignedArray<T> transposed_;  // of each member
  AlignedArray<T> bias_rows_;
};

template <class T>
std::unique_ptr<Layer<T>> RepeatSettings::make(size_t inputs) const {
  if (members == 0) throw std::invalid_argument("members must be positive, got 0");
  return std::make_unique<Repeat<T>>(members, inputs);
}

template <class T>
std::unique_ptr<Layer<T>> BatchEnsembleSettings::make(size_t inputs) const {
  const size_t features = quotient(inputs, members, "members");
  return std::make_unique<BatchEnsemble<T>>(MemberOptions{members, features, units, activation, l1, l2});
}

template <class T>
std::unique_ptr<Layer<T>> SeparateDenseSettings::make(size_t inputs) const {
  const size_t features = quotient(inputs, members, "members");
  return std::make_unique<SeparateDense<T>>(MemberOptions{members, features, units, activation, l1, l2});
}

}  // namespace chainrule
