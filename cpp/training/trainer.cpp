#include "training/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "training/random.hpp"

namespace chainrule {

namespace {

// Multiply-adds worth a barrier: below this a second thread costs more than it brings.
constexpr size_t work_per_thread = 400000;
// Between two polls: a few milliseconds on the slowest kernels.
constexpr size_t work_between_polls = 4000000;
constexpr size_t chunk_bytes = size_t(16) << 20;
constexpr size_t chunk_work = 500000000;
constexpr size_t prediction_rows = 128;

size_t threads_for(size_t work) { return std::clamp<size_t>(work / work_per_thread, 1, max_threads()); }

// What of the data is worked on at a time, in the layout of the kernels.
template <class T>
struct Chunk {
  Chunk(size_t capacity, size_t input_stride, size_t output_stride)
      : inputs(capacity * input_stride), targets(capacity * output_stride), weights(capacity), raw_weights(capacity) {}

  AlignedArray<T> inputs, targets;
  AlignedArray<T> weights;           // of a sample in its batch's mean
  AlignedArray<double> raw_weights;  // as given
  size_t samples = 0;
};

// Brings samples from the user's arrays into a chunk. The noise belongs to the sample's place in the epoch, so that it
// does not depend on threads or chunks.
template <class T>
class Gatherer {
 public:
  Gatherer(const Network<T>& network, const Data& data, const Loss& loss, const int64_t* order)
      : network_(network), data_(data), loss_(loss), order_(order) {}

  void add_noise(double scale, uint64_t seed, uint64_t epoch) {
    noise_ = scale;
    seed_ = seed;
    epoch_ = epoch;
  }

  // Samples [first, first + count) of the epoch, which belong to the batch with this sum of weights.
  void gather(const Team& team, size_t first, size_t count, double batch_weight, Chunk<T>& chunk) const {
    const Range part = team.share(count);
    const size_t input_stride = padded(network_.inputs());
    const size_t output_stride = padded(network_.outputs());
    const Activation output = network_.layer(network_.size() - 1).activation();
    for (size_t i = part.begin; i < part.end; ++i) {
      const size_t row = row_of(first + i);
      T* inputs = chunk.inputs.data() + i * input_stride;
      gather_row(data_.inputs, row, true, inputs);
      if (noise_ > 0) disturb(first + i, inputs);
      gather_target(data_.targets, loss_, output, network_.outputs(), row, chunk.targets.data() + i * output_stride);
      const double weight = weight_of(first + i);
      chunk.raw_weights.data()[i] = weight;
      chunk.weights.data()[i] = batch_weight > 0 ? T(weight / batch_weight) : T(0);
    }
    if (team.index() == 0) chunk.samples = count;
  }

  double weight_sum(size_t first, size_t count) const {
    if (data_.weights == nullptr) return double(count);
    double sum = 0;
    for (size_t i = first; i < first + count; ++i) sum += weight_of(i);
    return sum;
  }

 private:
  size_t row_of(size_t position) const { return order_ == nullptr ? position : size_t(order_[position]); }
  double weight_of(size_t position) const { return data_.weights == nullptr ? 1.0 : data_.weights[row_of(position)]; }

  void disturb(size_t position, T* inputs) const {
    RandomWords words(seed_, Purpose::input_noise, position, epoch_);
    for (size_t k = 0; k < network_.inputs(); ++k) inputs[k] += T(noise_ * normal(words.next()));
  }

  const Network<T>& network_;
  const Data& data_;
  const Loss& loss_;
  const int64_t* order_;
  double noise_ = 0;
  uint64_t seed_ = 0, epoch_ = 0;
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

// The loss of a chunk whose forward pass is done; fills the output's deltas.
template <class T>
class LossStage {
 public:
  LossStage(const Network<T>& network, const Loss& loss, const Targets& targets, size_t capacity)
      : loss_(loss),
        metric_(metric_of(loss, network.layer(network.size() - 1).activation(), network.outputs(), targets)),
        losses_(capacity),
        metrics_(capacity) {}

  void compute(const Team& team, const Signal<T>& output, const Chunk<T>& chunk) {
    const Rows<T> rows = {output.pre_activations,    output.activations, output.deltas, output.stride, output.size,
                          team.share(chunk.samples), output.activation};
    kernels<T>().loss({rows, loss_.kind, metric_, T(loss_.huber_delta), chunk.targets.data(), chunk.weights.data(),
                       losses_.data(), metrics_.data()});
  }

  // A sample of weight zero counts nothing, even when its loss is not finite.
  void add_to(Totals& totals, const Chunk<T>& chunk) const {
    for (size_t i = 0; i < chunk.samples; ++i) {
      const double weight = chunk.raw_weights.data()[i];
      if (weight > 0) totals.add(weight, losses_.data()[i], metrics_.data()[i]);
    }
  }

 private:
  Loss loss_;
  Metric metric_;
  AlignedArray<double> losses_, metrics_;
};

template <class T>
std::vector<Signal<T>> with_inputs(std::vector<Signal<T>> signals, Chunk<T>& chunk) {
  signals[0].activations = signals[0].pre_activations = chunk.inputs.data();
  return signals;
}

template <class T>
GradientTarget<T> stored_gradient(const Network<T>& network, T* gradient, size_t layer, bool accumulate) {
  return {gradient + network.offset(layer), accumulate, nullptr, {}, T(0)};
}

// Where a layer's gradient meets the optimiser.
template <class T>
GradientTarget<T> updating(const Network<T>& network, OptimizerState<T>& state, const StepSettings<T>& settings,
                           T shrink, size_t layer) {
  GradientTarget<T> target = {nullptr, false, &settings, {}, shrink};
  for (size_t i = 0; i < state.slots().size(); ++i) {
    target.slots[i] = state.slots()[i].data() + network.offset(layer);
  }
  return target;
}

// The whole gradient is there: penalties, clipping, update. All threads at once; layers are shared out.
template <class T>
class StoredStep {
 public:
  StoredStep(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer)
      : network_(network), state_(state), optimizer_(optimizer), square_sums_(network.size()) {}

  void run(const Team& team, StepSettings<T> settings, T shrink, T* gradient, bool regularize) {
    for (size_t i = team.index(); i < network_.size(); i += team.size()) {
      if (!network_.layer(i).trainable) continue;
      if (regularize) network_.layer(i).regularize(gradient + network_.offset(i), settings.clip_value);
      square_sums_.data()[i] = kernels<T>().square_sum(gradient + network_.offset(i), network_.layer(i).packed_size());
    }
    team.barrier();
    settings.scale = scale();
    if (regularize) settings.clip_value = T(0);
    for (size_t i = team.index(); i < network_.size(); i += team.size()) {
      if (!network_.layer(i).trainable) continue;
      GradientTarget<T> target = updating(network_, state_, settings, shrink, i);
      target.gradient = gradient + network_.offset(i);
      network_.layer(i).update(target);
    }
    team.barrier();
  }

 private:
  T scale() const {
    const double longest = optimizer_.setting("clip_norm");
    double squares = 0;
    for (size_t i = 0; i < network_.size(); ++i) squares += square_sums_.data()[i];
    const double norm = std::sqrt(squares);
    return longest > 0 && norm > longest ? T(longest / norm) : T(1);
  }

  Network<T>& network_;
  OptimizerState<T>& state_;
  const Optimizer& optimizer_;
  AlignedArray<double> square_sums_;
};

template <class T>
T shrink_of(const Optimizer& optimizer, double rate) {
  return T(rate * optimizer.setting("weight_decay"));
}

// Polls by the clock, but reads the clock only after some work.
class PollTimer {
 public:
  PollTimer(const Poll& poll, size_t work_per_chunk)
      : poll_(poll), chunks_between_(std::max<size_t>(1, work_between_polls / std::max<size_t>(1, work_per_chunk))) {}

  // False: stop.
  bool go_on(size_t steps) {
    if (!poll_ || ++chunks_ % chunks_between_ != 0) return true;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(40)) return true;
    last_ = now;
    return poll_(steps);
  }

 private:
  const Poll& poll_;
  size_t chunks_between_;
  size_t chunks_ = 0;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// One pass over the data. All threads run the same loop over steps and chunks; the members are shared, and written by
// the first thread only, between barriers.
template <class T>
class Epoch {
 public:
  Epoch(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, const Data& data,
        const EpochOptions& options, const Poll& poll, size_t threads)
      : network_(network),
        state_(state),
        optimizer_(optimizer),
        options_(options),
        samples_(data.inputs.rows),
        batch_(std::min(options.batch_size, samples_)),
        chunk_(chunk_size(network, batch_)),
        threads_(threads),
        lowest_(network.first_trainable()),
        order_(options.shuffle ? shuffled_order(samples_, options.seed, options.epoch) : std::vector<int64_t>()),
        gatherer_(network, data, options.loss, options.shuffle ? order_.data() : nullptr),
        workspace_(network, chunk_, Workspace<T>::Purpose::training),
        loss_stage_(network, options.loss, data.targets, chunk_),
        stored_step_(network, state, optimizer),
        timer_(poll, chunk_ * network.work() * 3),
        chunks_{Chunk<T>(chunk_, padded(network.inputs()), padded(network.outputs())),
                Chunk<T>(chunk_, padded(network.inputs()), padded(network.outputs()))} {
    gatherer_.add_noise(options.input_noise, options.seed, options.epoch);
    if (!fused()) gradient_ = AlignedArray<T>(network.parameters().size());
    network.prepare_backward(lowest_ + 1);
  }

  EpochResult run() {
    run_team(threads_, [this](const Team& team) { work(team); });
    result_.loss = totals_.mean_loss();
    result_.metric = totals_.mean_metric();
    return result_;
  }

 private:
  // Gradients go straight into the parameters, unless the whole gradient is needed first.
  bool fused() const { return chunk_ == batch_ && !optimizer_.clips_norm(); }

  void work(const Team& team) {
    size_t current = 0;
    double batch_weight = gatherer_.weight_sum(0, std::min(batch_, samples_));
    gatherer_.gather(team, 0, std::min(chunk_, samples_), batch_weight, chunks_[0]);
    team.barrier();
    for (size_t first = 0; first < samples_; first += batch_) {
      const size_t batch_end = std::min(first + batch_, samples_);
      if (team.index() == 0) settings_ = state_.next_step(optimizer_, options_.rates[first / batch_]);
      for (size_t begin = first; begin < batch_end; begin += chunk_) {
        const size_t end = std::min(begin + chunk_, batch_end);
        const std::vector<Signal<T>> signals = with_inputs(workspace_.signals(), chunks_[current]);
        deltas(team, signals, chunks_[current]);
        gradients(team, signals, end - begin, begin > first, first / batch_);
        if (team.index() == 0) account(chunks_[current], first, end == batch_end);
        if (end < samples_) {
          const bool next_batch = end == batch_end;
          const size_t next_end = next_batch ? std::min(batch_end + batch_, samples_) : batch_end;
          if (next_batch) batch_weight = gatherer_.weight_sum(end, next_end - end);
          current = 1 - current;
          gatherer_.gather(team, end, std::min(chunk_, next_end - end), batch_weight, chunks_[current]);
        }
        team.barrier();
        if (stop_ && (end < batch_end || fused())) return;
      }
      if (!fused()) {
        stored_step_.run(team, settings_, shrink_of<T>(optimizer_, options_.rates[first / batch_]), gradient_.data(),
                         true);
        finish_updates(team);
        team.barrier();
        if (stop_) return;
      }
    }
  }

  void deltas(const Team& team, const std::vector<Signal<T>>& signals, const Chunk<T>& chunk) {
    network_.forward(team, signals, chunk.samples);
    loss_stage_.compute(team, signals.back(), chunk);
    team.barrier();
    network_.backward(team, signals, chunk.samples, lowest_ + 1);
  }

  void gradients(const Team& team, const std::vector<Signal<T>>& signals, size_t samples, bool accumulate,
                 size_t step) {
    const T shrink = shrink_of<T>(optimizer_, options_.rates[step]);
    for (size_t i = lowest_; i < network_.size(); ++i) {
      if (!network_.layer(i).trainable) continue;
      const GradientTarget<T> target = fused() ? updating(network_, state_, settings_, shrink, i)
                                               : stored_gradient(network_, gradient_.data(), i, accumulate);
      network_.layer(i).gradient(team, signals[i], signals[i + 1], samples, target);
    }
    if (fused()) finish_updates(team);
  }

  void finish_updates(const Team& team) {
    for (size_t i = lowest_; i < network_.size(); ++i) {
      if (network_.layer(i).trainable) network_.layer(i).finish_update(team);
    }
  }

  void account(const Chunk<T>& chunk, size_t first, bool whole_step) {
    loss_stage_.add_to(totals_, chunk);
    if (!std::isfinite(totals_.loss)) {
      result_.diverged = long(first / batch_);
      stop_ = true;
      return;
    }
    if (whole_step) result_.steps += 1;
    if (!timer_.go_on(result_.steps)) stop_ = true;
  }

  Network<T>& network_;
  OptimizerState<T>& state_;
  const Optimizer& optimizer_;
  const EpochOptions& options_;
  const size_t samples_, batch_, chunk_, threads_, lowest_;
  const std::vector<int64_t> order_;
  Gatherer<T> gatherer_;
  Workspace<T> workspace_;
  LossStage<T> loss_stage_;
  StoredStep<T> stored_step_;
  PollTimer timer_;
  Chunk<T> chunks_[2];
  AlignedArray<T> gradient_;
  StepSettings<T> settings_ = {};
  Totals totals_;
  EpochResult result_;
  bool stop_ = false;
};

template <class T>
bool finite(const AlignedArray<T>& values) {
  // Times zero: a sum that is zero unless something is not finite, without a branch in the loop.
  T sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += values.data()[i] * T(0);
  return sum == T(0);
}

// Calls work(team, first, count) on pieces of at most `piece` samples, each with a thread of its own.
template <class Work>
void for_each_piece(const Team& team, size_t samples, size_t piece, Work work) {
  const Range part = team.share(samples);
  for (size_t first = part.begin; first < part.end; first += piece) {
    work(first, std::min(piece, part.end - first));
  }
}

}  // namespace

template <class T>
size_t chunk_size(const Network<T>& network, size_t batch_size) {
  const size_t by_memory = chunk_bytes / Workspace<T>::sample_bytes(network);
  const size_t by_work = chunk_work / (3 * network.work());
  return std::clamp<size_t>(std::min(by_memory, by_work), 1, batch_size);
}

template <class T>
EpochResult train_epoch(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, const Data& data,
                        const EpochOptions& options, const Poll& poll) {
  const AlignedArray<T> parameters = network.parameters();
  const OptimizerState<T> before = state;
  const size_t batch = std::min(options.batch_size, data.inputs.rows);
  Epoch<T> epoch(network, state, optimizer, data, options, poll, threads_for(batch * network.work() * 3));
  EpochResult result = epoch.run();
  if (result.diverged < 0 && !finite(network.parameters())) result.diverged = long(result.steps) - 1;
  if (result.diverged >= 0) {
    std::memcpy(network.parameters().data(), parameters.data(), parameters.size() * sizeof(T));
    network.parameters_changed();
    state = before;
  }
  return result;
}

template <class T>
Evaluation<T> evaluate(const Network<T>& network, const Data& data, const Loss& loss) {
  constexpr size_t block = 65536;
  const size_t threads = threads_for(data.inputs.rows * network.work());
  const Gatherer<T> gatherer(network, data, loss, nullptr);
  std::vector<Workspace<T>> workspaces;
  std::vector<Chunk<T>> chunks;
  std::vector<LossStage<T>> stages;
  for (size_t i = 0; i < threads; ++i) {
    workspaces.emplace_back(network, prediction_rows, Workspace<T>::Purpose::training);
    chunks.emplace_back(prediction_rows, padded(network.inputs()), padded(network.outputs()));
    stages.emplace_back(network, loss, data.targets, prediction_rows);
  }
  // The pieces' sums are added up in the order of the samples, so pieces must not depend on the threads.
  const size_t pieces = (data.inputs.rows + prediction_rows - 1) / prediction_rows;
  Totals totals;
  std::vector<Totals> parts(std::min(pieces, block));
  for (size_t begin = 0; begin < pieces; begin += block) {
    const size_t count = std::min(block, pieces - begin);
    run_team(threads, [&](const Team& team) {
      const Range part = team.share(count);
      const Team alone;
      Chunk<T>& chunk = chunks[team.index()];
      const std::vector<Signal<T>> signals = with_inputs(workspaces[team.index()].signals(), chunk);
      for (size_t i = part.begin; i < part.end; ++i) {
        const size_t first = (begin + i) * prediction_rows;
        gatherer.gather(alone, first, std::min(prediction_rows, data.inputs.rows - first), 1, chunk);
        network.forward(alone, signals, chunk.samples);
        stages[team.index()].compute(alone, signals.back(), chunk);
        parts[i] = Totals();
        stages[team.index()].add_to(parts[i], chunk);
      }
    });
    for (size_t i = 0; i < count; ++i) {
      totals.weight += parts[i].weight;
      totals.loss += parts[i].loss;
      totals.metric += parts[i].metric;
    }
  }
  return {totals.mean_loss(), totals.mean_metric()};
}

template <class T>
double loss_and_gradient(Network<T>& network, Workspace<T>& workspace, const Data& data, const Loss& loss,
                         T* gradient) {
  const size_t samples = data.inputs.rows;
  const size_t capacity = workspace.capacity();
  const Gatherer<T> gatherer(network, data, loss, nullptr);
  Chunk<T> chunk(capacity, padded(network.inputs()), padded(network.outputs()));
  LossStage<T> stage(network, loss, data.targets, capacity);
  const double weight = gatherer.weight_sum(0, samples);
  Totals totals;
  std::memset(gradient, 0, network.parameters().size() * sizeof(T));
  network.prepare_backward(1);
  run_team(threads_for(samples * network.work() * 3), [&](const Team& team) {
    const std::vector<Signal<T>>& signals = workspace.signals();
    for (size_t first = 0; first < samples; first += capacity) {
      const size_t count = std::min(capacity, samples - first);
      gatherer.gather(team, first, count, weight, chunk);
      team.barrier();
      const Range part = team.share(count * signals[0].stride);
      std::memcpy(signals[0].activations + part.begin, chunk.inputs.data() + part.begin, part.size() * sizeof(T));
      team.barrier();
      network.forward(team, signals, count);
      stage.compute(team, signals.back(), chunk);
      team.barrier();
      network.backward(team, signals, count, 1);
      for (size_t i = 0; i < network.size(); ++i) {
        if (!network.layer(i).trainable) continue;
        network.layer(i).gradient(team, signals[i], signals[i + 1], count,
                                  stored_gradient(network, gradient, i, first > 0));
      }
      if (team.index() == 0) stage.add_to(totals, chunk);
      team.barrier();
    }
  });
  for (size_t i = 0; i < network.size(); ++i) {
    if (network.layer(i).trainable) network.layer(i).regularize(gradient + network.offset(i), T(0));
  }
  return totals.mean_loss() + network.penalty();
}

template <class T>
void backward(Network<T>& network, Workspace<T>& workspace, size_t samples, T* gradient) {
  std::memset(gradient, 0, network.parameters().size() * sizeof(T));
  network.prepare_backward(0);
  run_team(threads_for(samples * network.work() * 2), [&](const Team& team) {
    const std::vector<Signal<T>>& signals = workspace.signals();
    network.backward(team, signals, samples, 0);
    for (size_t i = 0; i < network.size(); ++i) {
      if (!network.layer(i).trainable) continue;
      network.layer(i).gradient(team, signals[i], signals[i + 1], samples,
                                stored_gradient(network, gradient, i, false));
    }
  });
}

template <class T>
void step(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, double rate, T* gradient) {
  StoredStep<T> stored(network, state, optimizer);
  StepSettings<T> settings = state.next_step(optimizer, rate);
  run_team(1, [&](const Team& team) {
    stored.run(team, settings, shrink_of<T>(optimizer, rate), gradient, false);
    for (size_t i = 0; i < network.size(); ++i) {
      if (network.layer(i).trainable) network.layer(i).finish_update(team);
    }
  });
}

template <class T>
void predict(const Network<T>& network, const Source& inputs, T* outputs) {
  const size_t threads = threads_for(inputs.rows * network.work());
  std::vector<Workspace<T>> workspaces;
  for (size_t i = 0; i < threads; ++i) {
    workspaces.emplace_back(network, std::min(prediction_rows, inputs.rows), Workspace<T>::Purpose::prediction);
  }
  run_team(threads, [&](const Team& team) {
    const Team alone;
    const std::vector<Signal<T>>& signals = workspaces[team.index()].signals();
    for_each_piece(team, inputs.rows, prediction_rows, [&](size_t first, size_t count) {
      for (size_t i = 0; i < count; ++i) {
        gather_row(inputs, first + i, true, signals[0].activations + i * signals[0].stride);
      }
      network.forward(alone, signals, count);
      const Signal<T>& output = signals.back();
      for (size_t i = 0; i < count; ++i) {
        std::memcpy(outputs + (first + i) * output.size, output.activations + i * output.stride,
                    output.size * sizeof(T));
      }
    });
  });
}

#define CHAINRULE_INSTANTIATE(T)                                                                      \
  template size_t chunk_size<T>(const Network<T>&, size_t);                                           \
  template EpochResult train_epoch<T>(Network<T>&, OptimizerState<T>&, const Optimizer&, const Data&, \
                                      const EpochOptions&, const Poll&);                              \
  template Evaluation<T> evaluate<T>(const Network<T>&, const Data&, const Loss&);                    \
  template double loss_and_gradient<T>(Network<T>&, Workspace<T>&, const Data&, const Loss&, T*);     \
  template void backward<T>(Network<T>&, Workspace<T>&, size_t, T*);                                  \
  template void step<T>(Network<T>&, OptimizerState<T>&, const Optimizer&, double, T*);               \
  template void predict<T>(const Network<T>&, const Source&, T*)
CHAINRULE_INSTANTIATE(float);
CHAINRULE_INSTANTIATE(double);
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
