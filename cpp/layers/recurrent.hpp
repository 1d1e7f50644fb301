// Layers that read a sequence step by step: s(t) = step(x(t), s(t - 1)), where the state s begins with the output h.
// Samples are (steps, features), outputs (steps, units), or (units,) of the last step; read in both directions, the
// outputs of the second lie behind those of the first. A sample may be shorter than its steps (masking.hpp): behind its
// last one its state stands still, outputs are zero, and nothing goes back.
//
// A step leaves a record of blocks of units, each in whole panels: the gates, the state, and what the way back needs.
// Weights have the gates' columns in whole panels too, so that one vector is 16 units of one gate.
#pragma once

#include <array>

#include "layers/panel_layer.hpp"

namespace chainrule {

// A product of the state (or of what a step has made of it) with some of the recurrent gates, in the order of steps.
struct RecurrentProduct {
  size_t gate, gates;  // of the recurrent weights
  size_t block;        // of the record, to which they go
  size_t source;       // the block that is multiplied
  bool of_state;       // of the state before the step; else of the record that the step is making
  bool continues;      // the sums of the inputs' product; else they start from the bias
};

// What a kind of recurrent layer is, beside its arithmetic (kernels/recurrent.hpp).
struct RecurrentCell {
  enum class Extra : uint8_t { none, peepholes, recurrent_bias };

  size_t gates;   // of the weights
  size_t blocks;  // of the pre-activations, behind which the state begins
  size_t states;
  size_t record;  // blocks in all
  struct Stage {
    RecurrentProduct product;
    bool steps;  // whether `step` follows
    CellStep step;
  };
  Stage stages[2];
  size_t stage_count;
  Extra extra;

  // Whether a product is with what the step has made: then it is the last block before the state.
  bool multiplies_made() const { return !stages[stage_count - 1].product.of_state; }
};

RecurrentCell lstm_cell(bool peepholes);
RecurrentCell gru_cell(bool reset_after);
RecurrentCell simple_cell();

template <class T>
class Recurrent final : public PanelLayer<T> {
 public:
  struct Options {
    size_t steps, features, units;
    bool return_sequences;
    size_t directions;  // 1, or 2: from the first step and from the last
    size_t padding;     // how far behind the signal above a masking layer is; 0: no sample is shorter
    bool stateful;
    double dropout;  // of the state, where it enters a product
    double l1, l2;
  };

  Recurrent(const RecurrentCell& cell, const Options& options);

  size_t inputs() const override { return options_.steps * options_.features; }
  size_t outputs() const override { return (options_.return_sequences ? options_.steps : 1) * output_width(); }
  size_t work() const override;
  // Each direction's records, one before the first step and one of each step; behind them its factors of dropout.
  size_t kept_size() const override {
    return options_.directions * (direction_size() + (options_.dropout > 0 ? block_ : 0));
  }
  size_t state_size() const override { return options_.directions * cell_.states * block_; }
  bool stateful() const override { return options_.stateful; }
  bool needs_whole_batch() const override { return options_.stateful; }
  bool gradient_needs_backward() const override { return true; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  bool derives() const override { return true; }
  void derive(const Team&) override;

 private:
  void derive_start(size_t direction);
  // The matrices of a direction, in order; the extra is there where the cell has one.
  enum Part : size_t { input_weights, recurrent_weights, bias, extra };

  size_t output_width() const { return options_.directions * options_.units; }
  size_t matrix_of(size_t direction, Part part) const { return direction * matrices_ + part; }
  // Numbers of a record in training: its blocks, and the deltas of its gates behind them.
  size_t record_size() const { return (cell_.record + cell_.blocks) * block_; }
  size_t direction_size() const { return (options_.steps + 1) * record_size(); }
  size_t length_of(const Signal<T>& above, size_t sample) const;
  // The step of a sequence of some length that comes as number `step` in a direction; steps behind its end stay there.
  static size_t place(size_t direction, size_t step, size_t length) {
    return direction == 0 || step >= length ? step : length - 1 - step;
  }
  // Where h of a step goes in a row of the outputs, if it does.
  size_t output_at(size_t direction, size_t step, size_t length) const;
  bool has_output(size_t step, size_t length) const {
    return options_.return_sequences ? step < length : step + 1 == length;
  }

  // A row a sample.
  struct PerSample {
    const T* values;
    size_t stride;
  };
  // A group of samples on its way in one direction.
  struct Reading {
    Range rows;
    size_t direction;
    std::array<size_t, tuning::recurrent_samples> lengths;
    size_t longest;
    PerSample factors;  // of dropout; null: none
  };
  Reading reading_of(const Signal<T>& above, const Range& rows, size_t direction) const;
  PerSample inputs_of(const Reading&, const Signal<T>& below, size_t step) const;
  void draw(const Signal<T>& above, const Range& rows, const Pass&) const;
  // The factors of dropout of a sample; null: there are none.
  T* factors_of(const Signal<T>& above, size_t sample, size_t direction) const;

  void read(const Signal<T>& below, const Signal<T>& above, const Range& rows, size_t direction) const;
  void step_forward(const Reading&, const PerSample& inputs, const T* before, T* record, size_t stride) const;
  void go_back(const Signal<T>& above, const Signal<T>& below, const Range& rows, size_t direction) const;
  void step_back(const Reading&, const T* before, T* record, size_t stride, T* state_gradient,
                 size_t gradient_stride) const;
  CellRows<T> cells(const Reading&, CellStep step, const T* before, T* record, size_t stride) const;
  void add_direction(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, T* gradient,
                     size_t direction) const;

  void add_peepholes(const Team&, const Signal<T>& above, size_t samples, T* gradient, size_t direction) const;

  RecurrentCell cell_;
  Options options_;
  size_t block_;     // units in whole panels
  size_t matrices_;  // of a direction
  // Derived, for each direction: what the products start from, and the transposed weights.
  std::vector<AlignedArray<T>> starts_, input_transposed_, recurrent_transposed_;
};

}  // namespace chainrule
