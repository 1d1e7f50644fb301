// Prediction with many parameter vectors of one architecture, for evolution and other searches without gradients.
#pragma once

#include <functional>

#include "data/source.hpp"
#include "network/network.hpp"

namespace chainrule {

// `parameters`: plain, (members, parameter_count); outputs: (members, samples, outputs). Threads share out the members;
// each has a network of its own from `copy`, which differs from the others in its parameters alone.
template <class T>
void predict_population(const std::function<Network<T>()>& copy, const T* parameters, size_t members,
                        const Source& source, T* outputs);

}  // namespace chainrule
