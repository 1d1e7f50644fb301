// Losses of outputs that are classes at each place of a sample, at each step or pixel.
#pragma once

#include "kernels/table.hpp"

namespace chainrule {

// As the kernel `loss`, for rows of `places` places each. The loss of a row is the sum over its places, its metric
// their mean, both weighted by the places' weights.
template <class T>
void losses_at_places(const LossRows<T>& samples, size_t places);

}  // namespace chainrule
