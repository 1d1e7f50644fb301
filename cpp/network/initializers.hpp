// Initial weights, drawn in float64, so that both precisions start from the same numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chainrule {

enum class Distribution { normal, uniform, orthogonal };

// Row-major (inputs, outputs). scale: standard deviation, bound, or gain. `part` is the index of a matrix in its layer.
std::vector<double> initial_weights(Distribution distribution, size_t inputs, size_t outputs, double scale,
                                    uint64_t seed, uint64_t layer, uint64_t part);

}  // namespace chainrule
