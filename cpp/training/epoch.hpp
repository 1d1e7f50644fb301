// Training for one epoch: batches are gathered, go forward, meet the loss, come back as deltas, and change the
// parameters. Threads are started once per epoch, and meet at barriers between the stages.
#pragma once

#include <memory>

#include "base/team_size.hpp"
#include "training/epoch_workspace.hpp"
#include "training/poll_timer.hpp"
#include "training/shares.hpp"

namespace chainrule {

struct EpochOptions {
  size_t batch_size;
  bool shuffle;
  uint64_t seed;
  uint64_t epoch;
  Loss loss;
  const double* rates;  // one per step of the epoch
  double input_noise;
  Range steps;                            // the part of the epoch that is trained, not empty
  Totals totals;                          // sums over the steps before that part
  size_t samples_before = 0;              // of the epoch, in batches that came before these data
  const double* weight_decays = nullptr;  // one per step of the epoch; null: the optimiser's in all of them
  // All of them train the same epoch of the same network.
  Ranks* ranks = &alone;
  SamplesOfRanks samples_of_ranks = {};

  // From a whole epoch to the one after it, whose rates and weight decays come next in their arrays.
  void advance() {
    ++epoch;
    rates += steps.size();
    if (weight_decays != nullptr) weight_decays += steps.size();
  }
};

struct EpochResult {
  size_t steps = 0;    // of those asked for, the steps that were completed
  Totals totals;       // including those of the steps before
  long diverged = -1;  // the step whose loss or weights stopped being finite
};

// Trains for an epoch, or for a part of it: parts give the same bytes as the whole. If training diverges, parameters
// and state are spoiled. `workspace` is one of this network or null, and is replaced if it does not fit. `team_size` is
// that of the network's training.
template <class T>
EpochResult train_epoch(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, const Data& data,
                        const EpochOptions& options, const Poll& poll, TeamSize& team_size,
                        std::unique_ptr<EpochWorkspace<T>>& workspace);

}  // namespace chainrule
