#include "layers/recurrent_cell.hpp"

namespace chainrule {

RecurrentCell lstm_cell(bool peepholes) {
  using Extra = RecurrentCell::Extra;
  // Gates i, f, g, o; states h, c; then tanh c.
  const RecurrentProduct all_gates = {
      .gate = 0, .gates = 4, .block = 0, .source = 4, .of_state = true, .continues = true};
  return {.gates = 4,
          .blocks = 4,
          .states = 2,
          .record = 7,
          .stages = {{{.product = all_gates, .steps = true, .step = CellStep::lstm}, {}}},
          .stage_count = 1,
          .extra = peepholes ? Extra::peepholes : Extra::none};
}

RecurrentCell gru_cell(bool reset_after) {
  using Extra = RecurrentCell::Extra;
  // Gates z, r, candidate; then the recurrent term of the candidate, or the reset state; state h.
  const RecurrentProduct z_and_r = {
      .gate = 0, .gates = 2, .block = 0, .source = 4, .of_state = true, .continues = true};
  const RecurrentProduct recurrent_term = {
      .gate = 2, .gates = 1, .block = 3, .source = 4, .of_state = true, .continues = false};
  const RecurrentProduct candidate = {
      .gate = 2, .gates = 1, .block = 2, .source = 3, .of_state = false, .continues = true};
  RecurrentCell cell = {
      .gates = 3, .blocks = 4, .states = 1, .record = 5, .stages = {}, .stage_count = 2, .extra = Extra::none};
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

RecurrentCell simple_cell() {
  const RecurrentProduct product = {
      .gate = 0, .gates = 1, .block = 0, .source = 1, .of_state = true, .continues = true};
  return {.gates = 1,
          .blocks = 1,
          .states = 1,
          .record = 2,
          .stages = {{{.product = product, .steps = true, .step = CellStep::simple}, {}}},
          .stage_count = 1,
          .extra = RecurrentCell::Extra::none};
}

}  // namespace chainrule
