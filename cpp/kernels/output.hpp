// Kernels on all rows of an output. If a row is one panel, as for most outputs, 16 rows are transposed and processed
// together: each lane is a row, no lane is padding, and nothing is summed across lanes. Every number is computed by the
// same operations in the same order as row by row (loss.hpp), so that it does not matter how threads divide the rows.
#pragma once

#include "kernels/loss.hpp"
#include "simd/transpose.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Up to 16 outputs of 16 rows: vector j holds output j of each row.
template <class T>
struct Block {
  alignas(64) T values[lanes * lanes];

  Vector<T> operator[](size_t j) const { return Vector<T>::load(values + j * lanes); }
  void set(size_t j, const Vector<T>& v) { v.store(values + j * lanes); }
  void clear_from(size_t j) { __builtin_memset(values + j * lanes, 0, (lanes - j) * lanes * sizeof(T)); }
};

template <class T>
CHAINRULE_INLINE void load_block(const T* rows, Block<T>& block) {
  transpose_block(rows, block.values, lanes);
}

// Outputs from `outputs` on become zero.
template <class T>
CHAINRULE_INLINE void store_block(Block<T>& block, size_t outputs, T* rows) {
  block.clear_from(outputs);
  transpose_block(block.values, rows, lanes);
}

// The sum over the outputs of each row, in the order of `across`.
template <class T>
CHAINRULE_INLINE Vector<T> sum_over(Block<T>& terms, size_t outputs) {
  terms.clear_from(outputs);
  for (size_t half = lanes / 2; half > 0; half /= 2) {
    for (size_t j = 0; j < half && j < outputs; ++j) terms.set(j, terms[j] + terms[j + half]);
  }
  return terms[0];
}

// The largest output of each row; the first of equal ones, as in `largest`.
template <class T>
CHAINRULE_INLINE Vector<T> largest_of(const Block<T>& block, size_t outputs) {
  Vector<T> result = block[0];
  for (size_t j = 1; j < outputs; ++j) result = max(block[j], result);
  return result;
}

template <class T>
CHAINRULE_INLINE Vector<T> place_of_largest(const Block<T>& block, size_t outputs) {
  Vector<T> best = block[0];
  Vector<T> place = Vector<T>::zero();
  for (size_t j = 1; j < outputs; ++j) {
    const Mask<T> better = less(best, block[j]);
    best = select(better, block[j], best);
    place = select(better, Vector<T>::broadcast(T(j)), place);
  }
  return place;
}

// The number of outputs, limited to a panel: the compiler does not know that there cannot be more.
template <class T>
CHAINRULE_INLINE size_t outputs_of(const Rows<T>& rows) {
  return rows.outputs < lanes ? rows.outputs : lanes;
}

template <class T>
void block_softmax(const Rows<T>& rows, size_t row) {
  const size_t outputs = outputs_of(rows);
  Block<T> z, e, sum;
  load_block(rows.pre_activations + row * panel_width, z);
  const Vector<T> top = largest_of(z, outputs);
  for (size_t j = 0; j < outputs; ++j) {
    e.set(j, exp(z[j] - top));
    sum.set(j, e[j]);
  }
  const Vector<T> total = sum_over(sum, outputs);
  for (size_t j = 0; j < outputs; ++j) e.set(j, e[j] / total);
  store_block(e, outputs, rows.activations + row * panel_width);
}

// The outputs, targets and deltas of 16 rows.
template <class T>
struct LossBlock {
  Block<T> z, a, t, delta;
};

// Returns the losses of the rows; the deltas become the gradients of the terms.
template <class T, class Compute>
CHAINRULE_INLINE Vector<T> sum_terms(LossBlock<T>& block, size_t outputs, Compute compute) {
  Block<T> losses;
  for (size_t j = 0; j < outputs; ++j) {
    const Term<T> term = compute(block.z[j], block.a[j], block.t[j]);
    losses.set(j, Vector<T>::zero() + term.loss);
    block.delta.set(j, term.gradient);
  }
  return sum_over(losses, outputs);
}

template <class T>
CHAINRULE_INLINE Vector<T> softmax_cross_entropy(LossBlock<T>& block, size_t outputs) {
  Block<T> targets;
  for (size_t j = 0; j < outputs; ++j) targets.set(j, Vector<T>::zero() + block.t[j]);
  const Vector<T> top = largest_of(block.z, outputs);
  const Vector<T> log_top = log(largest_of(block.a, outputs));
  const Vector<T> target_sum = sum_over(targets, outputs);
  return sum_terms(block, outputs, [&](const Vector<T>& z, const Vector<T>& a, const Vector<T>& t) {
    return softmax_term(z, a, t, top, log_top, target_sum);
  });
}

template <class T>
CHAINRULE_INLINE Vector<T> gaussian_nll(LossBlock<T>& block, size_t outputs) {
  const size_t targets = outputs / 2;
  Block<T> losses;
  for (size_t j = 0; j < targets; ++j) {
    const GaussianTerm<T> term = gaussian(block.a[j], block.a[targets + j], block.t[j]);
    losses.set(j, Vector<T>::zero() + term.loss);
    block.delta.set(j, term.by_mean);
    block.delta.set(targets + j, term.by_log_variance);
  }
  return sum_over(losses, targets);
}

template <class T>
CHAINRULE_INLINE Vector<T> quantile_loss(LossBlock<T>& block, size_t outputs, const T* next) {
  return sum_terms(block, outputs, [&next](const Vector<T>&, const Vector<T>& a, const Vector<T>& t) {
    return quantile_error(a, t, Vector<T>::broadcast(*next++));
  });
}

// Turns dE/da into dE/dz, in place.
template <class T>
CHAINRULE_INLINE void activation_gradient(LossBlock<T>& block, size_t outputs, Activation activation) {
  if (activation == Activation::softmax) {
    Block<T> products;
    for (size_t j = 0; j < outputs; ++j) products.set(j, fma(block.delta[j], block.a[j], Vector<T>::zero()));
    const Vector<T> mean = sum_over(products, outputs);
    for (size_t j = 0; j < outputs; ++j) block.delta.set(j, block.a[j] * (block.delta[j] - mean));
    return;
  }
  with_activation(activation, [&](auto kind) {
    for (size_t j = 0; j < outputs; ++j) {
      block.delta.set(j, block.delta[j] * derivative(kind, block.z[j], block.a[j]));
    }
  });
}

template <class T>
void block_loss(const LossRows<T>& args, size_t row) {
  const size_t outputs = outputs_of(args.output);
  LossBlock<T> block;
  load_block(args.output.pre_activations + row * panel_width, block.z);
  load_block(args.output.activations + row * panel_width, block.a);
  load_block(args.targets + row * panel_width, block.t);
  alignas(64) T losses[lanes];
  if (is_softmax_cross_entropy(args)) {
    softmax_cross_entropy(block, outputs).store(losses);
  } else if (args.loss == LossKind::gaussian_nll) {
    gaussian_nll(block, outputs).store(losses);
  } else {
    if (args.loss == LossKind::quantile) quantile_loss(block, outputs, args.quantiles).store(losses);
    with_term(args, [&](auto compute) { sum_terms(block, outputs, compute).store(losses); });
    if (is_by_activation(args.loss)) activation_gradient(block, outputs, args.output.activation);
  }
  for (size_t i = 0; i < lanes; ++i) args.losses[row + i] = double(losses[i]);
  if (args.metric == Metric::largest) {
    alignas(64) T right[lanes];
    const size_t columns = args.target_columns < lanes ? args.target_columns : lanes;
    select(equal(place_of_largest(block.a, columns), place_of_largest(block.t, columns)), constant<T>(1),
           Vector<T>::zero())
        .store(right);
    for (size_t i = 0; i < lanes; ++i) args.metrics[row + i] = double(right[i]);
  } else {
    for (size_t i = 0; i < lanes; ++i) args.metrics[row + i] = row_metric(args, row + i);
  }
  const Vector<T> weights = Vector<T>::load(args.weights + row);
  for (size_t j = 0; j < outputs; ++j) block.delta.set(j, block.delta[j] * weights);
  store_block(block.delta, outputs, args.output.deltas + row * panel_width);
}

// Calls of_block(row) for each 16 rows if a row is one panel, and of_row(row) for the remaining rows.
template <class T, class OfBlock, class OfRow>
CHAINRULE_INLINE void for_each_row(const Rows<T>& rows, OfBlock of_block, OfRow of_row) {
  size_t row = rows.rows.begin;
  if (rows.stride == panel_width) {
    for (; row + lanes <= rows.rows.end; row += lanes) of_block(row);
  }
  for (; row < rows.rows.end; ++row) of_row(row);
}

template <class T>
void softmax(const Rows<T>& rows) {
  for_each_row(rows, [&](size_t row) { block_softmax(rows, row); }, [&](size_t row) { row_softmax(rows, row); });
}

template <class T>
void activate_rows(const Rows<T>& rows) {
  if (rows.activation == Activation::softmax) return softmax(rows);
  const size_t padded = panels_of<T>(rows.outputs) * panel_width;
  with_activation(rows.activation, [&](auto kind) {
    for (size_t row = rows.rows.begin; row < rows.rows.end; ++row) {
      for (size_t at = row * rows.stride; at < row * rows.stride + padded; at += panel_width) {
        activate(kind, Vector<T>::load(rows.pre_activations + at)).store(rows.activations + at);
      }
    }
  });
}

template <class T>
void loss(const LossRows<T>& args) {
  const auto of_row = [&](size_t row) { weighted_row_loss(args, row); };
  // Only outputs of sequences have weights. They are rarely short enough for blocks to pay.
  if (args.output_weights != nullptr) {
    for (size_t row = args.output.rows.begin; row < args.output.rows.end; ++row) of_row(row);
  } else {
    for_each_row(args.output, [&](size_t row) { block_loss(args, row); }, of_row);
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
