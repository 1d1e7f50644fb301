// Layers that read a sequence step by step: s(t) = step(x(t), s(t - 1)), where the state s begins with the output h.
// Samples are (steps, features), outputs (steps, units), or (units,) of the last step. If a sequence is read in both
// directions, the outputs of the second direction follow those of the first. Steps can be padding (masking.hpp): they
// are skipped, so the state stays the same there, outputs are zero, and no deltas flow back.
//
// A step writes a record (recurrent_cell.hpp), whose blocks of units are whole panels. Weights have the gates' columns
// in whole panels too, so that one vector is 16 units of one gate.
#pragma once

#include <array>

#include "layers/masking.hpp"
#include "layers/product_weights.hpp"
#include "layers/recurrent_cell.hpp"
#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

struct RecurrentSettings {
  static constexpr const char* name = "RecurrentSettings";

  RecurrentCell cell;
  size_t steps;
  size_t units;
  bool return_sequences;
  size_t directions;  // 1, or 2: from the first step and from the last
  bool stateful;
  double dropout;            // of the inputs
  double recurrent_dropout;  // of the state, when it enters a product
  double l1;
  double l2;

  static constexpr auto fields() {
    using S = RecurrentSettings;
    return std::tuple(field("cell", &S::cell), field("steps", &S::steps), field("units", &S::units),
                      field("return_sequences", &S::return_sequences), field("directions", &S::directions),
                      field("stateful", &S::stateful), field("dropout", &S::dropout),
                      field("recurrent_dropout", &S::recurrent_dropout), field("l1", &S::l1), field("l2", &S::l2));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Recurrent final : public StoredGradientLayer<T> {
 public:
  struct Options {
    size_t steps, features, units;
    bool return_sequences;
    size_t directions;  // 1, or 2: from the first step and from the last
    bool stateful;
    double dropout, recurrent_dropout;  // of the inputs; of the state, when it enters a product
    double l1, l2;
  };

  Recurrent(const RecurrentCell& cell, const Options& options);

  size_t inputs() const override { return options_.steps * options_.features; }
  size_t outputs() const override { return (options_.return_sequences ? options_.steps : 1) * output_width(); }
  bool mix() override;
  LayerTraits traits() const override;
  // A source that marks padding, or none if all steps are real.
  bool takes_sources(std::span<const Layer<T>* const> sources) const override {
    return sources.empty() || (sources.size() == 1 && sources[0]->traits().mask_steps == options_.steps);
  }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;
  // Some panels of the gates each, the same ones of all matrices.
  size_t gradient_parts(size_t) const override;
  std::vector<GradientRuns> gradient_runs(const GradientPart& part) const override;

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  void add_part(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, T* gradient,
                const GradientPart&) const override;
  bool derives() const override { return true; }
  void derive(const Team&) override;

 private:
  void derive_start(size_t direction);
  // The matrices of a direction, in order. Some cells have no extra.
  enum Part : size_t { input_weights, recurrent_weights, bias, extra };

  size_t gate_panels() const { return cell_.gates * block_ / panel_width; }
  Range gates_of(const GradientPart& part) const {
    return {gate_panels() * part.index / part.count, gate_panels() * (part.index + 1) / part.count};
  }
  size_t output_width() const { return options_.directions * options_.units; }
  size_t matrix_of(size_t direction, Part part) const { return direction * matrices_ + part; }
  // The size of a record in training: its blocks, followed by the deltas of its gates.
  size_t record_size() const { return (cell_.record + cell_.blocks) * block_; }
  size_t direction_size() const { return (options_.steps + 1) * record_size(); }
  RealSteps<T> real_steps(const Signal<T>& above, size_t sample) const;
  // The index in the sequence of the real step that is read as number `step` in a direction.
  static size_t step_index(size_t direction, size_t step, const RealSteps<T>& real) {
    return real[direction == 0 ? step : real.size() - 1 - step];
  }
  // The index of h of the step with this index in a row of the outputs.
  size_t output_at(size_t direction, size_t index) const {
    return (options_.return_sequences ? index : 0) * output_width() + direction * options_.units;
  }
  bool has_output(size_t step, const RealSteps<T>& real) const {
    return options_.return_sequences ? step < real.size() : step + 1 == real.size();
  }

  // One row per sample.
  struct PerSample {
    const T* values;
    size_t stride;
  };
  // A group of samples that is read in one direction.
  struct Reading {
    Range rows;
    size_t direction;
    bool masked;  // whether steps can be padding
    std::array<RealSteps<T>, tuning::recurrent_samples> real;
    size_t longest;                          // the most real steps of a sample
    PerSample input_factors, state_factors;  // of dropout; null: none

    size_t index(size_t sample, size_t step) const { return step_index(direction, step, real[sample]); }
  };
  Reading reading_of(const Signal<T>& above, const Range& rows, size_t direction) const;
  PerSample inputs_of(const Reading&, const Signal<T>& below, size_t step) const;
  void draw(const Signal<T>& above, const Range& rows, const Pass&) const;
  // What dropout multiplies, one vector per direction and sample: the state, then the inputs.
  enum class Dropped { state, inputs };
  double rate_of(Dropped what) const { return what == Dropped::state ? options_.recurrent_dropout : options_.dropout; }
  size_t width_of(Dropped what) const { return what == Dropped::state ? options_.units : options_.features; }
  // The size that the factors of a direction have in what is kept.
  size_t factors_size(Dropped what) const { return rate_of(what) > 0 ? whole_panels(width_of(what)) : 0; }
  // The dropout factors of a sample; null if it has none.
  T* factors_of(const Signal<T>& above, size_t sample, size_t direction, Dropped what) const;

  void read(const Signal<T>& below, const Signal<T>& above, const Range& rows, size_t direction) const;
  void step_forward(const Reading&, const PerSample& inputs, const T* before, T* record, size_t stride) const;
  PerSample source_of(const Reading&, const PerSample& source) const;
  void add_input_deltas(const Reading&, const Signal<T>& below, size_t step, T* gradient, size_t stride) const;
  void add_state(const Reading&, const RecurrentProduct&, const PerSample& source, T* record, size_t stride) const;
  void read_back(const Signal<T>& above, const Signal<T>& below, const Range& rows, size_t direction) const;
  void step_back(const Reading&, const T* before, T* record, size_t stride, T* state_gradient,
                 size_t gradient_stride) const;
  void pass_back(const Reading&, const RecurrentProduct&, T* deltas, size_t stride, T* state_gradient,
                 size_t gradient_stride) const;
  CellRows<T> cells(const Reading&, CellStep step, const T* before, T* record, size_t stride) const;

  class Gradient;
  void add_peepholes(const Team&, const Signal<T>& above, size_t samples, T* gradient, size_t direction) const;

  RecurrentCell cell_;
  Options options_;
  size_t block_;     // units in whole panels
  size_t matrices_;  // of a direction
  bool mixed_ = false;
  // Derived from the parameters, per direction: the initial values of the products, and the weights as they take them.
  std::vector<AlignedArray<T>> starts_;
  std::vector<ProductWeights<T>> input_, recurrent_;
};

template <class T>
std::unique_ptr<Layer<T>> RecurrentSettings::make(size_t inputs) const {
  using Options = typename Recurrent<T>::Options;
  return std::make_unique<Recurrent<T>>(cell, Options{.steps = steps,
                                                      .features = quotient(inputs, steps, "steps"),
                                                      .units = units,
                                                      .return_sequences = return_sequences,
                                                      .directions = directions,
                                                      .stateful = stateful,
                                                      .dropout = dropout,
                                                      .recurrent_dropout = recurrent_dropout,
                                                      .l1 = l1,
                                                      .l2 = l2});
}

}  // namespace chainrule
