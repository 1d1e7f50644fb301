// Compiled once for each instruction set, with nothing shared between the copies: everything but the table is
// internal. A library template instantiated here could be the copy that the linker keeps for every machine.
#include "kernels/convolution.hpp"
#include "kernels/dense.hpp"
#include "kernels/finite.hpp"
#include "kernels/masked.hpp"
#include "kernels/non_zeros.hpp"
#include "kernels/normalisation.hpp"
#include "kernels/output.hpp"
#include "kernels/peak.hpp"
#include "kernels/places.hpp"
#include "kernels/pool.hpp"
#include "kernels/recurrent.hpp"
#include "kernels/sample.hpp"
#include "kernels/waves.hpp"
#include "kernels/windows.hpp"

#define CHAINRULE_NAME_OF(isa) #isa
#define CHAINRULE_NAME(isa) CHAINRULE_NAME_OF(isa)

namespace chainrule::CHAINRULE_ISA {
namespace {

// One vector per cycle at 2 GHz; half of that without fused multiply-add.
#if defined(__AVX2__) || defined(__aarch64__)
constexpr double rate = 2e9;
#else
constexpr double rate = 1e9;
#endif
template <class T>
constexpr double speed = rate * double(native_bytes / sizeof(T));

template <class T>
constexpr MixedKernels<T> mixed_kernels = {};
template <>
constexpr MixedKernels<float> mixed_kernels<float> = {
    .take_factors = take_factors,
    .pair = pair,
    .take_windows = take_windows,
    .pair_windows = pair_windows,
    .transpose_pairs = transpose_pairs,
    .follows_lists = follows_lists,
};

template <class T>
constexpr Kernels<T> all_kernels = {
    .product = product<T>,
    .forward = forward<T>,
    .input_gradient = input_gradient<T>,
    .weight_gradient = weight_gradient<T>,
    .bias_gradient = bias_gradient<T>,
    .transpose = transpose<T>,
    .mixed = mixed_kernels<T>,
    .softmax = softmax<T>,
    .activate = activate_rows<T>,
    .activation_gradient = activation_gradient<T>,
    .loss = loss<T>,
    .update = update<T>,
    .catch_up = catch_up<T>,
    .regularize = regularize<T>,
    .square_sum = square_sum<T>,
    .max_norm = max_norm<T>,
    .predict_sample = predict_sample<T>,
    .peak = peak<T>,
    .cells_forward = cells_forward<T>,
    .cells_backward = cells_backward<T>,
    .speed = speed<T>,
    .listed_rows = listed_rows<T>,
    .mark_non_zeros = mark_non_zeros<T>,
    .list_marked = list_marked,
    .all_finite = all_finite<T>,
    .multiply_masked = multiply_masked<T>,
    .feature_sums = feature_sums<T>,
    .feature_squares = feature_squares<T>,
    .feature_products = feature_products<T>,
    .feature_gradient = feature_gradient<T>,
    .normalise_features = normalise_features<T>,
    .normalise_deltas = normalise_deltas<T>,
    .normalise_places = normalise_places<T>,
    .normalise_places_gradient = normalise_places_gradient<T>,
    .to_lanes = to_lanes<T>,
    .from_lanes = from_lanes<T>,
    .lane_product = lane_product<T>,
    .place_product = place_product<T>,
    .lane_gradient = lane_gradient<T>,
    .place_gradient = place_gradient<T>,
    .max_pool = max_pool<T>,
    .max_pool_gradient = max_pool_gradient<T>,
    .mean_pool = mean_pool<T>,
    .mean_pool_gradient = mean_pool_gradient<T>,
    .waves_forward = waves_forward<T>,
    .waves_backward = waves_backward<T>,
    .waves_gradient = waves_gradient<T>,
};

}  // namespace

extern const KernelTable table;
const KernelTable table = {
    .name = CHAINRULE_NAME(CHAINRULE_ISA), .float32 = all_kernels<float>, .float64 = all_kernels<double>};

}  // namespace chainrule::CHAINRULE_ISA
