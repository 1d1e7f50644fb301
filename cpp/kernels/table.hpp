// What the kernels are and what they take. Every instruction set compiles kernels.cpp once and exports one table of
// these functions; dispatch.cpp chooses among the tables. Kernels know vectors, panels and rows, but no layers.
//
// Matrices of samples are row-major with a stride that is a multiple of 16; weights are panels
// [outputs / 16][inputs][16]. Lanes beyond the last output are padding: zero in weights, biases and deltas,
// anything in activations.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/activation.hpp"
#include "base/range.hpp"
#include "kernels/convolution_arguments.hpp"
#include "kernels/pairs.hpp"

namespace chainrule {

constexpr size_t max_slots = 3;

enum class LossKind : uint8_t { mse, mae, huber, log_cosh, quantile, poisson, hinge, gaussian_nll, cross_entropy };

// What is reported next to the loss: whether the largest output is right, whether each output is on the right side of
// one half, whether its sign is right, or the mean absolute error.
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

// The element-wise part of a step of a recurrent layer, after a product with the state. A GRU that resets the state
// before its product has two of them.
enum class CellStep : uint8_t { lstm, gru_after, gru_reset, gru_before, simple };

// For rows of a product's A, the inner indices at which they are not zero, ascending: the others add nothing to a sum.
// List i belongs to the `group` rows from row[i] on, and holds the indices at which at least one of them is not zero.
// Rows without a list are skipped. If A itself is not stored, `values` has its elements, laid out as `index`, and a
// group is one row.
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
  // The columns of C; those after them in the last panel are padding, in which B is zero.
  size_t columns = SIZE_MAX;
  // How many elements ahead of its use a vector of B is prefetched, if B is in the second-level cache; 0: not at all.
  size_t b_ahead = 0;
  // Rows of A are in blocks of this many, which begin `a_block` elements apart; 0: A is one block.
  size_t block_rows = 0, a_block = 0;
  const NonZeros<T>* non_zeros = nullptr;  // null: every row and every inner index
  // Not null: the product is in mixed precision. Its factors of B are here, in pairs (pairs.hpp) whose panels are
  // `b_panel` elements apart, and those of A are rounded (take_factors).
  const uint16_t* b_pairs = nullptr;
};

// The scalars of one step of an optimiser, the same for every parameter.
template <class T>
struct StepSettings {
  Rule rule;
  T rate;    // learning rate; for adam, nadam divided by 1 - beta1^t; 1 for irprop, which has steps of its own
  T shrink;  // decoupled weight decay: learning rate * weight_decay
  T momentum;
  T decay1, decay2;  // rho, or beta1 and beta2
  T correction;      // adam, nadam: bias correction of the second moment, 1 / sqrt(1 - beta2^t)
  T lookahead, now;  // nadam: weights of the moment and of the gradient, before the rate
  T epsilon;
  T increase, decrease, minimum, maximum;
  T smoothing;
  T clip_value;  // 0: none
  T scale;       // of the gradient, from clipping by norm
};

// A run of parameters with their optimiser state, the penalties on them (zero for biases), and the factors of a step's
// rate and of its weight decay.
template <class T>
struct Parameters {
  T* values = nullptr;
  T* slots[max_slots] = {};
  T l1 = T(0), l2 = T(0);
  T rate_factor = T(1), decay_factor = T(0);
};

// Steps whose updates of some parameters were deferred: their gradients were zero.
template <class T>
struct MissedSteps {
  const StepSettings<T>* steps;
  size_t count;
};

template <class T>
struct Forward {
  Product<T> product;  // c: the pre-activations; the same array as `outputs` if no computation needs both
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

// A gradient goes into memory (update null; it is added to what is there if accumulate), or directly updates the
// parameters.
template <class T>
struct WeightGradient {
  Product<T> product;  // c: the gradient in the layout of the weights (unused with an update)
  bool accumulate = false;
  const StepSettings<T>* update = nullptr;
  Parameters<T> parameters = {};
};

template <class T>
struct BiasGradient {
  const T* deltas;
  size_t stride, samples;
  Range panels;
  T* gradient;
  bool accumulate = false;
  const StepSettings<T>* update = nullptr;
  Parameters<T> parameters = {};
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
  const T* targets;         // rows, strides as the output, zero after the last target
  const T* weights;         // one per row: its share of the batch
  const T* output_weights;  // rows as the targets, each with a mean of one; null: all one
  double* losses;           // one per row, not weighted by its share
  double* metrics;
  const T* quantiles = nullptr;  // of the loss of that name: one per output, padded as a row
  size_t first_predicted = 0;    // the first of the outputs that the metric compares with the targets
};

// A dense layer for the prediction of a single sample; weights in panels.
template <class T>
struct SampleLayer {
  const T* weights;
  const T* bias;
  size_t inputs, outputs;
  Activation activation;
};

// Rows of a recurrent layer in one step. The record of a step has blocks of `units` numbers: the gates, which are
// pre-activations before the step, then the state and the values that the way back needs.
template <class T>
struct CellRows {
  CellStep step;
  Activation activation;  // of the candidate, and of the cell; gates have sigmoid
  size_t units;           // of a block: whole panels
  size_t rows, stride;
  const T* before;  // the record of the step before; can be `record` itself
  T* record;
  const T* peepholes;  // panels [units / 16][3][16]; null: none
  // On the way back only:
  T* deltas = nullptr;  // of the gates, block by block; rows as the record's
  // By the state after the step; the kernel replaces it by the gradient by what the step reads of the state before.
  T* state_gradient = nullptr;
  size_t gradient_stride = 0;
};

// A window over one axis of an image: it begins at output * stride - before, and places outside the image do not count.
struct PoolAxis {
  size_t inputs, outputs, window, stride, before;
};

// An image [height][width][channels]. With samples in lanes, a group is an image with 16 times as many channels.
template <class T>
struct Pool {
  PoolAxis rows, columns;
  size_t channels;
  const T* inputs;
  T* outputs;
  const T* output_deltas;
  T* input_deltas;
  Range part;  // the rows of the image that are computed: of the outputs, or of the deltas of the inputs
};

// The most values that a feature's waves are mixed to.
constexpr size_t max_mixed = 7;

// Arrays in panels of 16 features: frequencies and phases [waves][16], weights [waves * mixed][16], bias [mixed][16].
template <class Pointer>
struct WaveArrays {
  Pointer frequencies, phases, weights, bias;
};

// Cosines of the features of some rows (waves.hpp); the way back has deltas, and input deltas or a gradient.
template <class T>
struct Waves {
  size_t features, waves, mixed;
  WaveArrays<const T*> values;
  Range rows;
  const T* inputs;
  size_t input_stride;
  T* outputs;
  size_t output_stride;
  const T* deltas = nullptr;
  T* input_deltas = nullptr;
  WaveArrays<T*> gradient = {};
};

// `size` values in runs of `group`, all of which have the same mask: 0 where a value becomes zero, else -1. The others
// are multiplied by the factor.
template <class T>
struct Masked {
  const T* from;
  const int8_t* mask;
  T factor;
  size_t group, size;
  T* to;
};

// Panels of the features of some samples, each (places, features).
struct FeaturePlaces {
  Range samples;
  size_t places, features;
  Range panels;
};

// Deltas, and the normalised inputs that belong to them.
template <class T>
struct NormalisedDeltas {
  const T* deltas;
  size_t stride;
  const T* normalised;
  size_t normalised_stride;
};

// The constants of n = (x - mean) * inverse, one number per feature, as all constants here and below.
template <class T>
struct FeatureScales {
  const T *means, *inverses;
};

// Deltas, and the inputs that belong to them.
template <class T>
struct FeatureDeltas {
  const T* deltas;
  size_t stride;
  const T* inputs;
  size_t input_stride;
  FeatureScales<T> scales;
};

// z = gamma n + beta, a = f(z)
template <class T>
struct NormalisedFeatures {
  const T* inputs;
  size_t input_stride;
  FeatureScales<T> scales;
  const T *gamma, *beta;
  T *pre_activations, *activations;  // z is stored if it has an array of its own
  size_t stride;
  Activation activation = {};
};

// The delta below is factor * (delta - mean - n * along).
template <class T>
struct DeltaFactors {
  const T *means, *along, *factors;
};

// Places of a sample of which each is normalised over its features. `kept` holds n, and then the inverse deviations.
template <class T>
struct NormalisedPlaces {
  const T *inputs, *gamma, *beta;
  double epsilon;
  size_t places, features;
  T *outputs, *kept;
};

template <class T>
struct Kernels {
  // C = A B, or C += A B.
  void (*product)(const Product<T>&, bool accumulate);
  void (*forward)(const Forward<T>&);
  void (*input_gradient)(const InputGradient<T>&);
  void (*weight_gradient)(const WeightGradient<T>&);
  void (*bias_gradient)(const BiasGradient<T>&);
  void (*transpose)(const Transpose<T>&);
  MixedKernels<T> mixed;
  void (*softmax)(const Rows<T>&);
  // a = f(z), softmax too.
  void (*activate)(const Rows<T>&);
  // Turns dE/da into dE/dz, in the deltas.
  void (*activation_gradient)(const Rows<T>&);
  void (*loss)(const LossRows<T>&);
  // Updates parameters from a stored gradient; `count` is a multiple of 16.
  void (*update)(const Parameters<T>&, const T* gradient, size_t count, const StepSettings<T>&);
  // Makes the deferred updates of `panels` runs of 16 parameters, `stride` apart.
  void (*catch_up)(const Parameters<T>&, size_t panels, size_t stride, const MissedSteps<T>&);
  // Adds the penalties' gradient and clips by value, in place.
  void (*regularize)(const Parameters<T>&, T* gradient, size_t count, T clip_value);
  // Of a multiple of 16 values.
  double (*square_sum)(const T* values, size_t count);
  // Scales the columns of panels [panels][inputs][16] that are longer than `longest`.
  void (*max_norm)(T* panels, size_t inputs, Range range, T longest);
  // Sends one sample through `count` layers; `scratch` holds two rows of `widest_layer`, a multiple of 16.
  void (*predict_sample)(const SampleLayer<T>* layers, size_t count, const T* inputs, T* scratch, size_t widest_layer,
                         T* outputs);
  // Runs `rounds` batches of independent FMAs, enough to fill the pipeline. Sums them into 16 `results` so that the
  // compiler cannot drop the work. Returns the number of FMAs.
  double (*peak)(size_t rounds, T* results);
  // The element-wise part of a step of a recurrent layer, and its way back.
  void (*cells_forward)(const CellRows<T>&);
  void (*cells_backward)(const CellRows<T>&);
  // A lower bound of the multiply-adds per second of one thread in products.
  double speed;
  // The number of rows that should share a list of non-zeros.
  size_t listed_rows;
  // Sets one bit per element of a row, 16 per word: whether it is not zero.
  void (*mark_non_zeros)(const T* row, size_t columns, uint16_t* marks);
  // Lists the columns that are marked in any of `rows` rows of `words` words each; returns their number. `list` holds
  // 16 * words.
  size_t (*list_marked)(const uint16_t* marks, size_t rows, size_t words, uint32_t* list);
  bool (*all_finite)(const T* values, size_t count);
  void (*multiply_masked)(const Masked<T>&);
  // Sums over samples and places in order, one per feature, in whole panels: of values, of the squares of their
  // distances from means, and of deltas and their products with the normalised inputs.
  void (*feature_sums)(const FeaturePlaces&, const T* values, size_t stride, double* sums);
  void (*feature_squares)(const FeaturePlaces&, const T* values, size_t stride, const double* means, double* sums);
  void (*feature_products)(const FeaturePlaces&, const FeatureDeltas<T>&, double* sums, double* products);
  void (*feature_gradient)(const FeaturePlaces&, const NormalisedDeltas<T>&, T* of_gamma, T* of_beta);
  void (*normalise_features)(const FeaturePlaces&, const NormalisedFeatures<T>&);
  void (*normalise_deltas)(const FeaturePlaces&, const FeatureDeltas<T>&, const DeltaFactors<T>&, T* to, size_t stride);
  void (*normalise_places)(const NormalisedPlaces<T>&);
  void (*normalise_places_gradient)(const NormalisedPlaces<T>&, const T* deltas, T* to);
  // Transpose rows to lanes, and back.
  void (*to_lanes)(const Lanes<T>&);
  void (*from_lanes)(const Lanes<T>&);
  void (*lane_product)(const LaneProduct<T>&);
  void (*place_product)(const PlaceProduct<T>&);
  void (*lane_gradient)(const LaneGradient<T>&);
  void (*place_gradient)(const PlaceGradient<T>&);
  void (*max_pool)(const Pool<T>&);
  void (*max_pool_gradient)(const Pool<T>&);
  void (*mean_pool)(const Pool<T>&);
  void (*mean_pool_gradient)(const Pool<T>&);
  void (*waves_forward)(const Waves<T>&);
  void (*waves_backward)(const Waves<T>&);
  // Adds to the gradient of some panels of features.
  void (*waves_gradient)(const Waves<T>&, const Range& panels);
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
