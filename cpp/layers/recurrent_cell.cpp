#include "layers/recurrent_cell.hpp"

namespace chainrule {

namespace {

// Of a candidate, other activations than tanh keep the pre-activation in one more block of the record.
size_t kept_blocks(Activation activation) { return activation == Activation::tanh ? 0 : 1; }

}  // namespace

RecurrentCell lstm_cell(bool peepholes, Activation activation) {
  using Extra = RecurrentCell::Extra;
  // Gates i, f, g, o; states h, c; then f(c).
  const RecurrentProduct all_gates = {
      .gate = 0, .gates = 4, .block = 0, .source = 4, .of_state = true, .continues = true};
  return {.gates = 4,
          .blocks = 4,
          .states = 2,
          .record = 7 + kept_blocks(activation),
          .stages = {{{.product = all_gates, .steps = true, .step = CellStep::lstm}, {}}},
          .stage_count = 1,
          .extra = peepholes ? Extra::peepholes : Extra::none,
          .activation = activation};
}

RecurrentCell gru_cell(bool reset_after, Activation activation) {
  using Extra = RecurrentCell::Extra;
  // Gates z, r, candidate; then the recurrent term of the candidate, or the reset state; state h.
  const RecurrentProduct z_and_r = {
      .gate = 0, .gates = 2, .block = 0, .source = 4, .of_state = true, .continues = true};
  const RecurrentProduct recurrent_term = {
      .gate = 2, .gates = 1, .block = 3, .source = 4, .of_state = true, .continues = false};
  const RecurrentProduct candidate = {
      .gate = 2, .gates = 1, .block = 2, .source = 3, .of_state = false, .continues = true};
  RecurrentCell cell = {.gates = 3,
                        .blocks = 4,
                        .states = 1,
                        .record = 5 + kept_blocks(activation),
                        .stages = {},
                        .stage_count = 2,
                        .extra = Extra::none,
                        .activation = activation};
  if (reset_after) {
    cell.stages[0] = {.product = z_and_r, .steps = false, .step = {}};
    cell.stages[1] = {.product = recurrent_term, .steps = true, .step = CellStep::gru_after};
    cell.extra = Extra::recurrent_bias;
  } else {
    cell.stages[0] = {.product = z_and_r, .steps = true, .step = CellStep::gru_reset};
    cell.stages[1] = {.product = candidate, .steps = true, .step = CellStep::gru_before};
  }
  return cell;
}

RecurrentCell simple_cell(Activation activation) {
  const RecurrentProduct product = {
      .gate = 0, .gates = 1, .block = 0, .source = 1, .of_state = true, .continues = true};
  return {.gates = 1,
          .blocks = 1,
          .states = 1,
          .record = 2,
          .stages = {{{.product = product, .steps = true, .step = CellStep::simple}, {}}},
          .stage_count = 1,
          .extra = RecurrentCell::Extra::none,
          .activation = activation};
}

}  // namespace chainrule
