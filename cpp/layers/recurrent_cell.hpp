// The kinds of recurrent cells: what LSTM, GRU and simple cells are, apart from their arithmetic
// (kernels/recurrent.hpp).
//
// The record of a step consists of blocks of units: first `blocks` blocks that hold pre-activations and become gates,
// then the states, then other values that the way back needs.
#pragma once

#include <array>

#include "kernels/table.hpp"

namespace chainrule {

// A product of the state (or of the reset state, which the step has computed) with some of the recurrent gates.
struct RecurrentProduct {
  size_t gate, gates;  // of the recurrent weights: the first one, and how many
  size_t block;        // of the record, where the first result goes
  size_t source;       // the block that is multiplied
  bool of_state;       // whether the source is in the record of the step before; else in that of this step
  bool continues;      // whether sums continue those of the inputs' product; else they start from the bias
};

struct RecurrentCell {
  enum class Extra : uint8_t { none, peepholes, recurrent_bias };

  struct Stage {
    RecurrentProduct product;
    bool steps;  // whether `step` follows the product
    CellStep step;
  };

  size_t gates;   // of the weights
  size_t blocks;  // of the pre-activations
  size_t states;
  size_t record;  // blocks in all
  std::array<Stage, 2> stages;
  size_t stage_count;
  Extra extra;            // the kind of parameters in addition to two matrices of weights and a bias
  Activation activation;  // of the candidate, and of the cell; gates have sigmoid

  // Whether a product is with the reset state, which is then the last block before the states.
  bool uses_reset_state() const { return !stages[stage_count - 1].product.of_state; }
};

RecurrentCell lstm_cell(bool peepholes, Activation activation = Activation::tanh);
RecurrentCell gru_cell(bool reset_after, Activation activation = Activation::tanh);
RecurrentCell simple_cell(Activation activation = Activation::tanh);

}  // namespace chainrule
