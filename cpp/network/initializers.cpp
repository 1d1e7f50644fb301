#include "network/initializers.hpp"

#include <cmath>

#include "base/random.hpp"

namespace chainrule {

namespace {

// Gram-Schmidt over the rows of a row-major matrix, no more of them than columns. Each row is projected twice, because
// rounding leaves small components along the other rows the first time.
void orthonormalize_rows(std::vector<double>& matrix, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; ++i) {
    double* row = matrix.data() + i * columns;
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t j = 0; j < i; ++j) {
        const double* other = matrix.data() + j * columns;
        double dot = 0;
        for (size_t k = 0; k < columns; ++k) dot += row[k] * other[k];
        for (size_t k = 0; k < columns; ++k) row[k] -= dot * other[k];
      }
    }
    double squares = 0;
    for (size_t k = 0; k < columns; ++k) squares += row[k] * row[k];
    const double norm = std::sqrt(squares);
    for (size_t k = 0; k < columns; ++k) row[k] /= norm;
  }
}

std::vector<double> transposed(const std::vector<double>& matrix, size_t rows, size_t columns) {
  std::vector<double> result(matrix.size());
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) result[j * rows + i] = matrix[i * columns + j];
  }
  return result;
}

}  // namespace

std::vector<double> initial_weights(Distribution distribution, size_t inputs, size_t outputs, double scale,
                                    uint64_t seed, uint64_t layer, uint64_t part) {
  RandomWords words(seed, Purpose::weights, layer, part);
  std::vector<double> weights(inputs * outputs);
  for (double& w : weights) {
    const uint64_t word = words.next();
    w = distribution == Distribution::uniform ? 2 * uniform(word) - 1 : normal(word);
  }
  if (distribution == Distribution::orthogonal) {
    if (inputs < outputs) {
      orthonormalize_rows(weights, inputs, outputs);
    } else {
      weights = transposed(weights, inputs, outputs);
      orthonormalize_rows(weights, outputs, inputs);
      weights = transposed(weights, outputs, inputs);
    }
  }
  for (double& w : weights) w *= scale;
  return weights;
}

}  // namespace chainrule
