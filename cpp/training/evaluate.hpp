// Evaluation: the mean loss (without penalties) and the mean metric of a network on data.
#pragma once

#include "base/team_size.hpp"
#include "network/network.hpp"
#include "training/shares.hpp"
#include "training/training_data.hpp"

namespace chainrule {

template <class T>
struct Evaluation {
  double loss = 0;
  double metric = 0;
};

// The ranks share the samples out among them, or each has samples of its own. All of them have the result.
template <class T>
Evaluation<T> evaluate(const Network<T>& network, const Data& data, const Loss& loss, TeamSize& team_size,
                       Ranks& ranks = alone, const SamplesOfRanks& samples_of_ranks = {});

}  // namespace chainrule
