// What the kernels are and what they take. Every instruction set compiles kernels.cpp once and exports one table of
// these functions; dispatch.cpp chooses among the tables. Kernels know vectors, panels and rows, but no layers.
//
// Matrices of samples are row-major with a stride that is a multiple of 16; weights are panels
// [outputs / 16][inputs][16]. Lanes beyond the last output are padding: zero in weights, biases and deltas,
// anything in activations.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/range.hpp"

namespace chainrule {

constexpr size_t panel_width = 16;
constexpr size_t max_slots = 3;

enum class Activation : uint8_t {
  identity,
  sigmoid,
  tanh,
  relu,
  leaky_relu,
  elu,
  selu,
  softplus,
  softsign,
  gelu,
  silu,
  hard_sigmoid,
  exp,
  softmax,
};

enum class LossKind : uint8_t { mse, mae, huber, poisson, hinge, gaussian_nll, cross_entropy };

// How right an output is, beside the loss: largest output, side of one half, sign, or mean absolute error.
enum class Metric : uint8_t { largest, side, sign, absolute_error };

enum class Rule : uint8_t {
  sgd,
  momentum,
  nesterov,
  adagrad,
  adadelta,
  rmsprop,
  adam,
  nadam,
  delta_bar_delta,
  irprop,
};

// What happens in a step of a recurrent layer between two products with the state; a GRU that resets the state before
// its product needs two of them.
enum class CellStep : uint8_t { lstm, gru_after, gru_reset, gru_before, simple };

// Rows of a product's A with the inner indices at which they are not zero, ascending: the others add nothing to a sum.
// List i belongs to the `group` rows from row[i] on, and holds the indices at which not all of them are zero. Rows
// without a list are left out. Where A itself is not there, `values` has its elements, laid out as `index`, and a group
// is one row.
template <class T>
struct NonZeros {
  const uint32_t* index;
  const uint32_t* row;
  const size_t* begin;  // of each list, in index
  const uint32_t* count;
  size_t lists;
  size_t group;
  const T* values;
};

// c[row][panel] = start + sum over k of a[row][k] * b[panel][k], one chain of fused multiply-adds in ascending k.
// Element (row, k) of A is a[row * a_row + k * a_inner]; vector (panel, k) of B begins at b[panel * b_panel + k *
// b_inner]; vector (row, panel) of C begins at c[row * c_row + panel * c_panel].
template <class T>
struct Product {
  const T* a;
  size_t a_row, a_inner;
  const T* b;
  size_t b_panel, b_inner;
  T* c;
  size_t c_row, c_panel;
  size_t inner;
  Range rows, panels;
  // How far ahead of its use a vector of B is sent for, as it lies in the second-level cache; 0: it is near.
  size_t b_ahead = 0;
  // Rows of A come in blocks of this many, that lie `a_block` apart; 0: in one.
  size_t block_rows = 0, a_block = 0;
  const NonZeros<T>* non_zeros = nullptr;  // null: every row and every inner index
};

// The numbers of one step of an optimiser, the same for every parameter.
template <class T>
struct StepSettings {
  Rule rule;
  T rate;  // learning rate; for adam, nadam divided by 1 - beta1^t
  T momentum;
  T decay1, decay2;  // rho, or beta1 and beta2
  T correction;      // adam, nadam: 1 / sqrt(1 - beta2^t)
  T lookahead, now;  // nadam: weights of the moment and of the gradient, before the rate
  T epsilon;
  T increase, decrease, minimum, maximum;
  T smoothing;
  T clip_value;  // 0: none
  T scale;       // of the gradient, from clipping by norm
};

// A run of parameters with their optimiser state, and what pulls on them beside the gradient (zero for biases).
template <class T>
struct Parameters {
  T* values;
  T* slots[max_slots];
  T l1, l2;
  T shrink;  // decoupled weight decay of this step: rate * weight_decay
};

// A step that passed some parameters by: their gradient was zero.
template <class T>
struct MissedStep {
  StepSettings<T> settings;
  T shrink;
};
template <class T>
struct MissedSteps {
  const MissedStep<T>* steps;
  size_t count;
};

template <class T>
struct Forward {
  Product<T> product;  // c: the pre-activations; may be `outputs` itself when nobody needs them
  const T* bias;
  Activation activation;
  T* outputs;  // strides as c
};

template <class T>
struct InputGradient {
  Product<T> product;     // c: the delta of the layer below
  Activation activation;  // of the layer below
  const T* pre_activations;
  const T* activations;  // of the layer below, strides as c
};

// Where a gradient goes: into memory (update null; continued there if accumulate), or straight into the parameters.
template <class T>
struct WeightGradient {
  Product<T> product;  // c: the gradient in the layout of the weights (unused with an update)
  bool accumulate;
  const StepSettings<T>* update;
  Parameters<T> parameters;
};

template <class T>
struct BiasGradient {
  const T* deltas;
  size_t stride, samples;
  Range panels;
  T* gradient;
  bool accumulate;
  const StepSettings<T>* update;
  Parameters<T> parameters;
};

template <class T>
struct Transpose {
  const T* panels;  // [outputs / 16][inputs][16]
  T* transposed;    // [inputs / 16][outputs][16]
  size_t inputs, outputs;
  Range rows, columns;  // inputs, and panels of outputs
};

// Rows of one layer's output.
template <class T>
struct Rows {
  T* pre_activations;
  T* activations;
  T* deltas;
  size_t stride, outputs;
  Range rows;
  Activation activation;
};

template <class T>
struct LossRows {
  Rows<T> output;
  LossKind loss;
  Metric metric;
  T huber_delta;
  size_t target_columns;
  const T* targets;         // rows, strides as the output, zero behind the targets
  const T* weights;         // one a row: its share of the batch
  const T* output_weights;  // rows as the targets, of which each has a mean of one; null: all one
  double* losses;           // one a row, not weighted by its share
  double* metrics;
};

// A dense layer as a single sample meets it; weights in panels.
template <class T>
struct SampleLayer {
  const T* weights;
  const T* bias;
  size_t inputs, outputs;
  Activation activation;
};

// Rows of a recurrent layer in one step. A record of a step has blocks of `units` numbers: the gates, which are their
// pre-activations before the step, then the state and what else the way back needs.
template <class T>
struct CellRows {
  CellStep step;
  size_t units;  // of a block: whole panels
  size_t rows, stride;
  const T* before;  // the record of the step before; may be `record` itself
  T* record;
  T* deltas;          // of the gates, block by block; rows as the record's; null on the way forward
  T* state_gradient;  // by the state behind the step, then by what the step itself reads of the state before it
  size_t gradient_stride;
  const T* peepholes;  // panels [units / 16][3][16]; null: none
};

// What stands in the lanes of samples that are not there.
enum class Missing { zero, last_sample };

// The values of up to 16 samples in the lanes of vectors: a group, [size][16], beside the rows that it is of.
template <class T>
struct Lanes {
  T* rows;
  size_t stride, samples;
  T* group;
  size_t size;
  Missing missing = Missing::zero;
};

// What of A meets what of B in a sum over terms.
struct LaneTerm {
  uint32_t a, b;
};

// c[row][column] = bias[row] + sum over outer and inner terms of a[outer.a + inner.a + row * a_row] *
// b[outer.b + inner.b + column * b_column], one chain of fused multiply-adds in the order of the terms. Elements of A
// and the bias are numbers; those of B and C are vectors of 16 samples.
template <class T>
struct LaneProduct {
  const T* a;
  size_t a_row;
  const T* b;
  size_t b_column;
  const LaneTerm* outer;
  size_t outer_count;
  const LaneTerm* inner;
  size_t inner_count;
  const T* bias;  // null: zero
  T* c;
  size_t c_row, c_column;
  size_t rows, columns;
};

// gradient[k * stride + j] += sum over samples and places of a[offsets[k] + place] * b[16 j + place], for `rows` k and
// `columns` j. Places are `height` rows of `width`, with steps of their own in A and B, whose elements are vectors of
// 16 samples. A lane's sum goes through the places in order; lanes are added up in a fixed tree.
template <class T>
struct LaneGradient {
  const T* a;
  const uint32_t* offsets;
  size_t a_down, a_right;
  const T* b;
  size_t b_down, b_right;
  size_t height, width;
  size_t rows, columns;
  T* gradient;
  size_t stride;
};

// The window over one axis of an image: it begins at output * stride - before, and what lies outside does not count.
struct PoolAxis {
  size_t inputs, outputs, window, stride, before;
};

// Images [height][width][channels], a row for each sample. With samples in lanes, a group is an image of 16 times as
// many channels.
template <class T>
struct Pool {
  PoolAxis rows, columns;
  size_t channels;
  const T* inputs;
  size_t input_stride;
  T* outputs;
  size_t output_stride;
  const T* output_deltas;
  T* input_deltas;
  Range samples;
  Range part;  // of the rows of the image that are computed: outputs, or deltas of inputs
};

template <class T>
struct Kernels {
  void (*forward)(const Forward<T>&);
  void (*input_gradient)(const InputGradient<T>&);
  void (*weight_gradient)(const WeightGradient<T>&);
  void (*bias_gradient)(const BiasGradient<T>&);
  void (*transpose)(const Transpose<T>&);
  void (*softmax)(const Rows<T>&);
  // a = f(z), softmax too.
  void (*activate)(const Rows<T>&);
  // deltas: from the gradient by the activations to the gradient by the pre-activations, in place.
  void (*activation_gradient)(const Rows<T>&);
  void (*loss)(const LossRows<T>&);
  // From stored gradients, `count` a multiple of 16.
  void (*update)(const Parameters<T>&, const T* gradient, size_t count, const StepSettings<T>&);
  // Makes up for missed steps of `panels` runs of 16 parameters, `stride` apart.
  void (*catch_up)(const Parameters<T>&, size_t panels, size_t stride, const MissedSteps<T>&);
  // Adds the penalties' gradient and clips by value, in place.
  void (*regularize)(const Parameters<T>&, T* gradient, size_t count, T clip_value);
  double (*square_sum)(const T* values, size_t count);
  // Scales the columns of panels [panels][inputs][16] that are longer than `longest`.
  void (*max_norm)(T* panels, size_t inputs, Range range, T longest);
  // One sample through `count` layers; `scratch` has room for two rows of `widest_layer`, a multiple of 16.
  void (*predict_sample)(const SampleLayer<T>* layers, size_t count, const T* inputs, T* scratch, size_t widest_layer,
                         T* outputs);
  // `rounds` times as many independent multiply-adds as the machine can have on the way, added up into 16 results, as
  // what nobody reads need not be computed; returns their number.
  double (*peak)(size_t rounds, T* results);
  // A step of recurrent rows, and the way back.
  void (*cells_forward)(const CellRows<T>&);
  void (*cells_backward)(const CellRows<T>&);
  // Multiply-adds a second that a thread can count on in its products.
  double speed;
  // The rows of a group whose non-zeros are best listed together.
  size_t listed_rows;
  // A bit for each element of a row, 16 a word: whether it is not zero.
  void (*mark_non_zeros)(const T* row, size_t columns, uint16_t* marks);
  // Lists the columns that are marked in any of `rows` rows of `words` words each; returns their number. `list` has
  // room for 16 * words.
  size_t (*list_marked)(const uint16_t* marks, size_t rows, size_t words, uint32_t* list);
  bool (*all_finite)(const T* values, size_t count);
  // From rows to lanes, and back.
  void (*to_lanes)(const Lanes<T>&);
  void (*from_lanes)(const Lanes<T>&);
  void (*lane_product)(const LaneProduct<T>&);
  void (*lane_gradient)(const LaneGradient<T>&);
  void (*max_pool)(const Pool<T>&);
  void (*max_pool_gradient)(const Pool<T>&);
  void (*mean_pool)(const Pool<T>&);
  void (*mean_pool_gradient)(const Pool<T>&);
};

struct KernelTable {
  const char* name;
  Kernels<float> float32;
  Kernels<double> float64;
};

// The table in use (dispatch.hpp).
const KernelTable& kernel_table();

template <class T>
const Kernels<T>& kernels();

}  // namespace chainrule
