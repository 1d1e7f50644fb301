// The loss stage: from the outputs of a chunk to its losses, its metrics, and the deltas of the output.
#pragma once

#include <memory>

#include "network/network.hpp"
#include "training/chunk.hpp"

namespace chainrule {

template <class T>
class LossStage {
 public:
  LossStage() = default;
  LossStage(const LossStage&) = delete;
  LossStage& operator=(const LossStage&) = delete;
  virtual ~LossStage() = default;

  // Precondition: the forward pass is done. All threads of the team call it; each has its share of the samples.
  virtual void compute(const Team& team, const std::vector<Signal<T>>& signals, Chunk<T>& chunk) const = 0;

  // Whether a loss could not be computed: then nothing may be done with the deltas. All threads see the same after
  // `compute`.
  virtual bool failed() const { return false; }
};

template <class T>
std::unique_ptr<LossStage<T>> make_loss_stage(const Network<T>& network, const Loss& loss, const Targets& targets);

}  // namespace chainrule
