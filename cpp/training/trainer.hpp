// Training and evaluation of a network on data: batches are gathered, go forward, meet the loss, come back as deltas
// and change the parameters. All threads enter once an epoch and meet at barriers between the stages.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "data/sizes.hpp"
#include "data/source.hpp"
#include "network/workspace.hpp"
#include "training/losses.hpp"
#include "training/optimizers.hpp"

namespace chainrule {

// Samples with their targets. Labels lie in range, sizes agree: checked by who makes it.
struct Data {
  Source inputs;
  Targets targets;
  const double* weights = nullptr;  // one a sample; null: all one
  // Of each step of a sample's outputs, (samples, steps), with a mean of one; null: all one.
  const double* step_weights = nullptr;
  size_t steps = 1;
};

// Sums over samples in their order, whoever computed them.
struct Totals {
  double weight = 0, loss = 0, metric = 0;

  void add(double sample_weight, double sample_loss, double sample_metric) {
    weight += sample_weight;
    loss += sample_weight * sample_loss;
    metric += sample_weight * sample_metric;
  }
  double mean_loss() const { return weight > 0 ? loss / weight : 0; }
  double mean_metric() const { return weight > 0 ? metric / weight : 0; }
};

struct EpochOptions {
  size_t batch_size;
  bool shuffle;
  uint64_t seed;
  uint64_t epoch;
  Loss loss;
  const double* rates;  // one a step
  double input_noise;
  Range steps;    // of the epoch: the part that is to be trained, not empty
  Totals totals;  // of the steps before
};

struct EpochResult {
  size_t steps = 0;    // whole ones, of those asked for
  Totals totals;       // with those before
  long diverged = -1;  // the step whose loss or weights stopped being finite
};

// Called now and then by one thread with the number of whole steps of the epoch that are done; false stops.
using Poll = std::function<bool(size_t)>;

template <class T>
struct Evaluation {
  double loss = 0;
  double metric = 0;
};

// The memory that an epoch works in. Small networks would spend a good part of an epoch on getting and clearing it: who
// trains for many epochs keeps it for the next.
template <class T>
class Room {
 public:
  Room();
  ~Room();
  Room(Room&&) noexcept;
  Room& operator=(Room&&) noexcept;

  struct Contents;
  std::unique_ptr<Contents> contents;
};

// One pass over the data, or a part of it: in parts it gives the same bytes. Where it diverges, parameters and state
// are spoiled. The room is one of this network, and is made anew where it does not fit.
template <class T>
EpochResult train_epoch(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, const Data& data,
                        const EpochOptions& options, const Poll& poll, Room<T>& room);

// Mean loss (without penalties) and metric.
template <class T>
Evaluation<T> evaluate(const Network<T>& network, const Data& data, const Loss& loss);

// The objective (with penalties) and its gradient, laid out as the parameters. The workspace holds the signals of the
// last chunk afterwards: of all samples, if its capacity is their number.
template <class T>
double loss_and_gradient(Network<T>& network, Workspace<T>& workspace, const Data& data, const Loss& loss, T* gradient);

// Gradients of all trainable layers from the deltas of the workspace's output, and the delta below the first layer.
template <class T>
void backward(Network<T>& network, Workspace<T>& workspace, size_t samples, const Pass& pass, T* gradient);

// One update from a stored gradient; `gradient` is scaled where it is clipped.
template <class T>
void step(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, double rate, T* gradient);

}  // namespace chainrule
