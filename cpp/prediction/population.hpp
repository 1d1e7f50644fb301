// Prediction with many parameter vectors of one architecture, for evolution and other searches without gradients.
#pragma once

#include <functional>

#include "base/team_size.hpp"
#include "data/source.hpp"
#include "network/network.hpp"

namespace chainrule {

// `parameters`: plain, (members, parameter_count); outputs: (members, samples, outputs). Threads divide the members;
// each thread gets its own network from `copy`, whose parameters it sets to those of each member.
template <class T>
void predict_population(const std::function<Network<T>()>& copy, const T* parameters, size_t members,
                        const Source& source, TeamSize& team_size, T* outputs);

}  // namespace chainrule
