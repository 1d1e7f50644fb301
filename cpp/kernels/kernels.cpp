// Compiled once for each instruction set, with nothing shared between the copies: everything but the table is
// internal. A library template instantiated here could be the copy that the linker keeps for every machine.
#include "kernels/dense.hpp"
#include "kernels/loss.hpp"

#define CHAINRULE_NAME_OF(isa) #isa
#define CHAINRULE_NAME(isa) CHAINRULE_NAME_OF(isa)

namespace chainrule::CHAINRULE_ISA {
namespace {

template <class T>
constexpr Kernels<T> all_kernels = {
    forward<T>,   input_gradient<T>, weight_gradient<T>,     bias_gradient<T>,
    transpose<T>, softmax<T>,        activation_gradient<T>, loss<T>,
    update<T>,    regularize<T>,     square_sum<T>,          max_norm<T>,
};

}  // namespace

extern const KernelTable table;
const KernelTable table = {CHAINRULE_NAME(CHAINRULE_ISA), all_kernels<float>, all_kernels<double>};

}  // namespace chainrule::CHAINRULE_ISA
