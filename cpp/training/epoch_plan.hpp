// How an epoch is worked on: its samples, chunks and threads, and which of the faster ways its steps can take.
#pragma once

#include "network/network.hpp"
#include "training/optimizers.hpp"
#include "training/shares.hpp"
#include "training/training_data.hpp"

namespace chainrule {

struct EpochPlan {
  size_t chunk, threads;
  size_t lowest;  // the first trainable layer
  // Gradients go straight into the parameters: batches are whole chunks, and none is clipped by norm or handed on.
  bool fused;
  // A gradient of zero changes parameters or the optimiser's state, so that rows of parameters that no sample touches
  // must be updated too.
  bool zeros_count;
  // Rows of the first layer's parameters that no sample touches are updated later (DeferredUpdates).
  bool defers;
  // Signals of two steps are in memory together, so that the first layer can run the next step's forward pass after its
  // own update, without a barrier.
  bool overlaps;
};

template <class T>
EpochPlan plan_epoch(Network<T>& network, const OptimizerState<T>& state, const Optimizer& optimizer,
                     const Source& inputs, const Loss& loss, const Shares& shares, const Ranks& ranks);

}  // namespace chainrule
