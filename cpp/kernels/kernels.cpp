// Compiled once for each instruction set, with nothing shared between the copies: everything but the table is
// internal. A library template instantiated here could be the copy that the linker keeps for every machine.
#include "kernels/convolution.hpp"
#include "kernels/dense.hpp"
#include "kernels/finite.hpp"
#include "kernels/non_zeros.hpp"
#include "kernels/output.hpp"
#include "kernels/peak.hpp"
#include "kernels/pool.hpp"
#include "kernels/recurrent.hpp"
#include "kernels/sample.hpp"

#define CHAINRULE_NAME_OF(isa) #isa
#define CHAINRULE_NAME(isa) CHAINRULE_NAME_OF(isa)

namespace chainrule::CHAINRULE_ISA {
namespace {

// Lanes at 2 GHz; without fused multiply-add, a half of them.
#if defined(__AVX2__) || defined(__aarch64__)
constexpr double rate = 2e9;
#else
constexpr double rate = 1e9;
#endif
template <class T>
constexpr double speed = rate * double(native_bytes / sizeof(T));

template <class T>
constexpr Kernels<T> all_kernels = {
    forward<T>,
    input_gradient<T>,
    weight_gradient<T>,
    bias_gradient<T>,
    transpose<T>,
    softmax<T>,
    activate_rows<T>,
    activation_gradient<T>,
    loss<T>,
    update<T>,
    catch_up<T>,
    regularize<T>,
    square_sum<T>,
    max_norm<T>,
    predict_sample<T>,
    peak<T>,
    cells_forward<T>,
    cells_backward<T>,
    speed<T>,
    listed_rows<T>,
    mark_non_zeros<T>,
    list_marked,
    all_finite<T>,
    to_lanes<T>,
    from_lanes<T>,
    lane_product<T>,
    lane_gradient<T>,
    max_pool<T>,
    max_pool_gradient<T>,
    mean_pool<T>,
    mean_pool_gradient<T>,
};

}  // namespace

extern const KernelTable table;
const KernelTable table = {CHAINRULE_NAME(CHAINRULE_ISA), all_kernels<float>, all_kernels<double>};

}  // namespace chainrule::CHAINRULE_ISA
