// What a step adds up over the samples of its batch, in their order: losses and the whole gradient. Each rank continues
// the sums of the ranks before it with its own samples.
#pragma once

#include "network/network.hpp"
#include "training/chunk.hpp"
#include "training/ranks.hpp"

namespace chainrule {

template <class T>
class StepSums {
 public:
  StepSums(Network<T>& network, Ranks& ranks, const Totals& totals);

  const Totals& totals() const { return sums_.totals; }

  // Thread 0 adds a chunk's losses, once all threads have computed them.
  void add_losses(const Chunk<T>& chunk);
  // All threads add a layer's gradient to an array laid out as the parameters; with `continues`, to the sums of the
  // chunks before.
  void add_gradient(const Team& team, const std::vector<Signal<T>>& signals, size_t layer, size_t samples,
                    bool continues, T* gradient);
  // All threads call it after the gradients of a batch. Afterwards thread 0 has the sums of all ranks, and after a
  // barrier all threads have.
  void complete(const Team& team, T* gradient);
  // Thread 0 asks after `complete` whether training stops. Ranks stop in the same place: at the step after the one in
  // which one of them wants to.
  bool stops(bool wanted);

 private:
  struct Sums {
    Totals totals;
    uint64_t stops = 0;  // by one of the ranks; a whole word, so that no byte is left open
  };

  // A part of a gradient, which is handed on at a time.
  struct Message {
    std::vector<GradientRuns> runs;
    size_t size;
  };

  template <class Copy>
  void for_runs(const Message& message, T* gradient, Copy copy);
  // A part of a layer's gradient, and with the first or last one the sums that the layer keeps next to it.
  void receive(size_t layer, const GradientTarget<T>& target);
  void send(size_t layer, const GradientTarget<T>& target);

  Network<T>& network_;
  Ranks& ranks_;
  Sums sums_;
  bool wants_to_stop_ = false;
  std::vector<std::vector<Message>> messages_;  // of each layer; empty if there are no other ranks
  AlignedArray<T> message_;
};

}  // namespace chainrule
