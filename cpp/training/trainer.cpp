#include "training/trainer.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "base/random.hpp"
#include "data/inputs.hpp"
#include "network/states.hpp"
#include "training/deferred_updates.hpp"

namespace chainrule {

namespace {

// What of the data is worked on at a time, in the layout of the kernels.
template <class T>
struct Chunk {
  Chunk(const Source& source, size_t capacity, size_t outputs, Columns columns, size_t threads, bool weighs_outputs)
      : inputs(source, capacity, columns, threads),
        targets(capacity * row_stride<T>(outputs)),
        output_weights(weighs_outputs ? targets.size() : 0),
        weights(capacity),
        raw_weights(capacity),
        losses(capacity),
        metrics(capacity) {}

  Inputs<T> inputs;
  AlignedArray<T> targets;
  AlignedArray<T> output_weights;    // empty: all one
  AlignedArray<T> weights;           // of a sample in its batch's mean
  AlignedArray<double> raw_weights;  // as given
  AlignedArray<double> losses, metrics;
  size_t samples = 0;
};

// What the parts of a room depend on.
struct RoomShape {
  Source inputs;
  Columns columns;
  size_t capacity, threads, workspaces, lowest;
  bool fused, weighs_outputs;

  bool operator==(const RoomShape& other) const {
    return inputs.data == other.inputs.data && inputs.element == other.inputs.element &&
           inputs.rows == other.inputs.rows && inputs.columns == other.inputs.columns &&
           inputs.indices == other.inputs.indices && inputs.entries() == other.inputs.entries() &&
           columns == other.columns && capacity == other.capacity && threads == other.threads &&
           workspaces == other.workspaces && lowest == other.lowest && fused == other.fused &&
           weighs_outputs == other.weighs_outputs;
  }
};

}  // namespace

template <class T>
struct Room<T>::Contents {
  Contents(const Network<T>& network, const RoomShape& for_shape)
      : shape(for_shape), states(network, shape.capacity, States<T>::Of::stateful) {
    for (size_t i = 0; i < 2; ++i) {
      chunks.emplace_back(shape.inputs, shape.capacity, network.outputs(), shape.columns, shape.threads,
                          shape.weighs_outputs);
      if (i < shape.workspaces) workspaces.emplace_back(network, shape.capacity, Workspace<T>::Purpose::training);
      signals[i] = workspaces.back().signals();
      states.attach(signals[i]);
    }
    make_activation_lists(network);
    if (!shape.fused) gradient = AlignedArray<T>(network.parameters().size());
  }

  RoomShape shape;
  std::vector<Chunk<T>> chunks;
  std::vector<Workspace<T>> workspaces;
  std::vector<Signal<T>> signals[2];
  States<T> states;
  std::vector<std::unique_ptr<NonZeroLists<T>>> activation_lists;  // of each hidden layer, or null
  AlignedArray<T> gradient;

 private:
  void make_activation_lists(const Network<T>& network) {
    const size_t group = kernels<T>().listed_rows;
    for (size_t i = 0; i + 1 < network.size(); ++i) {
      const Layer<T>& layer = network.layer(i);
      const bool products = layer.multiplies_rows() && network.layer(i + 1).multiplies_rows();
      // The activations go into the layer above, and the deltas into the one below.
      const size_t beside = std::max(network.layer(i + 1).outputs(), i > shape.lowest ? layer.inputs() : 0);
      const bool large = std::min(layer.outputs(), beside) >= tuning::fewest_listed_units;
      const bool lists = products && layer.activation() == Activation::relu && large && shape.capacity >= 2 * group;
      activation_lists.push_back(lists ? std::make_unique<NonZeroLists<T>>(shape.capacity, layer.outputs(), group,
                                                                           Columns::none, shape.threads)
                                       : nullptr);
    }
  }
};

template <class T>
Room<T>::Room() = default;
template <class T>
Room<T>::~Room() = default;
template <class T>
Room<T>::Room(Room&&) noexcept = default;
template <class T>
Room<T>& Room<T>::operator=(Room&&) noexcept = default;

namespace {

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

  // Samples [first, first + count) of the epoch, which belong to the batch with this sum of weights. Threads take their
  // parts in reverse: of one sample, another thread has this stage than has the stages beside it.
  void gather(const Team& whole, size_t first, size_t count, double batch_weight, Chunk<T>& chunk) const {
    const Team team = whole.reversed();
    const Range part = team.share_rows(count);
    const size_t output_stride = row_stride<T>(network_.outputs());
    const Activation output = network_.layer(network_.size() - 1).activation();
    for (size_t i = part.begin; i < part.end; ++i) {
      const size_t row = row_of(first + i);
      if (i + tuning::samples_ahead < part.end) prefetch_row(data_.inputs, row_of(first + i + tuning::samples_ahead));
      chunk.inputs.gather(data_.inputs, row, i, [&](T* inputs) {
        if (noise_ > 0) disturb(first + i, inputs);
      });
      gather_target(data_.targets, loss_, output, network_.outputs(), row, chunk.targets.data() + i * output_stride);
      if (data_.step_weights != nullptr) weigh_outputs(row, chunk.output_weights.data() + i * output_stride);
      const double weight = weight_of(first + i);
      chunk.raw_weights.data()[i] = weight;
      chunk.weights.data()[i] = batch_weight > 0 ? T(weight / batch_weight) : T(0);
    }
    chunk.inputs.list_columns(part, team.index());
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

  void weigh_outputs(size_t row, T* weights) const {
    const size_t width = network_.outputs() / data_.steps;
    for (size_t k = 0; k < network_.outputs(); ++k) weights[k] = T(data_.step_weights[row * data_.steps + k / width]);
  }

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

// The loss of a chunk whose forward pass is done; fills the output's deltas.
template <class T>
class LossStage {
 public:
  LossStage(const Network<T>& network, const Loss& loss, const Targets& targets)
      : network_(network),
        loss_(loss),
        metric_(metric_of(loss, network.layer(network.size() - 1).activation(), network.outputs(), targets)),
        target_columns_(target_columns(loss, network.outputs())) {}

  void compute(const Team& team, const std::vector<Signal<T>>& signals, Chunk<T>& chunk) const {
    const Signal<T>& output = signals.back();
    const Rows<T> rows = {output.pre_activations,         output.activations, output.deltas, output.stride, output.size,
                          team.share_rows(chunk.samples), output.activation};
    kernels<T>().loss({rows, loss_.kind, metric_, T(loss_.huber_delta), target_columns_, chunk.targets.data(),
                       chunk.weights.data(), chunk.output_weights.empty() ? nullptr : chunk.output_weights.data(),
                       chunk.losses.data(), chunk.metrics.data()});
    network_.add_losses(signals, rows.rows, chunk.weights.data(), chunk.losses.data());
  }

 private:
  const Network<T>& network_;
  Loss loss_;
  Metric metric_;
  size_t target_columns_;
};

// A sample of weight zero counts nothing, even when its loss is not finite.
template <class T>
void add_to(Totals& totals, const Chunk<T>& chunk) {
  for (size_t i = 0; i < chunk.samples; ++i) {
    const double weight = chunk.raw_weights.data()[i];
    if (weight > 0) totals.add(weight, chunk.losses.data()[i], chunk.metrics.data()[i]);
  }
}

template <class T>
GradientTarget<T> stored_gradient(const Network<T>& network, T* gradient, size_t layer, bool accumulate) {
  return {gradient + network.offset(layer), accumulate, nullptr, {}, T(0), false};
}

// Where a layer's gradient meets the optimiser.
template <class T>
GradientTarget<T> updating(const Network<T>& network, OptimizerState<T>& state, const StepSettings<T>& settings,
                           T shrink, size_t layer) {
  GradientTarget<T> target = {nullptr, false, &settings, {}, shrink, false};
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
    const double longest = optimizer_[Setting::clip_norm];
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
  return T(rate * optimizer[Setting::weight_decay]);
}

// Polls by the clock, but reads the clock only after some work.
class PollTimer {
 public:
  PollTimer(const Poll& poll, double work_per_chunk)
      : poll_(poll), chunks_between_(size_t(std::max(1.0, tuning::work_between_polls / work_per_chunk))) {}

  // False: stop.
  bool go_on(size_t steps) {
    if (!poll_ || ++chunks_ % chunks_between_ != 0) return true;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(tuning::milliseconds_between_polls)) return true;
    last_ = now;
    return poll_(steps);
  }

 private:
  const Poll& poll_;
  size_t chunks_between_;
  size_t chunks_ = 0;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// As many of the samples of a chunk as keep their values in the threads' caches, from the way there to the gradient.
// Each chunk walks through the parameters' gradient again, which is worth it where samples have far more values.
template <class T>
size_t chunk_in_cache(const Network<T>& network, size_t threads, size_t chunk) {
  const size_t bytes = std::max(threads * tuning::thread_cache_bytes,
                                tuning::gradients_per_chunk * network.parameters().size() * sizeof(T));
  const size_t groups = bytes / (Workspace<T>::sample_bytes(network) * threads * panel_width);
  return std::min(std::max(groups, size_t(1)) * threads * panel_width, chunk);
}

// One pass over the data. All threads run the same loop over steps and chunks; the members are shared, and written by
// the first thread only, between barriers.
//
// Between the barriers of two steps lie two stages: samples go forward, meet the loss and come back, and the next chunk
// is gathered; then the parameters change. Where the first layer shares out its units, its forward pass follows their
// update without a barrier: a step's signals then live beside those of the step before.
template <class T>
class Epoch {
 public:
  Epoch(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, const Data& data,
        const EpochOptions& options, const Poll& poll, size_t threads, Room<T>& room)
      : network_(network),
        state_(state),
        optimizer_(optimizer),
        options_(options),
        batch_(std::min(options.batch_size, data.inputs.rows)),
        begin_(options.steps.begin * batch_),
        end_(std::min(options.steps.end * batch_, data.inputs.rows)),
        chunk_(network.needs_whole_batch()
                   ? batch_
                   : chunk_in_cache(network, threads, chunk_size(network, data.inputs, batch_))),
        threads_(threads),
        lowest_(network.first_trainable()),
        weighs_outputs_(data.step_weights != nullptr),
        order_(options.shuffle ? shuffled_order(data.inputs.rows, options.seed, options.epoch)
                               : std::vector<int64_t>()),
        gatherer_(network, data, options.loss, options.shuffle ? order_.data() : nullptr),
        loss_stage_(network, options.loss, data.targets),
        stored_step_(network, state, optimizer),
        timer_(poll, double(chunk_) * network.work(data.inputs.entries()) * 3),
        totals_(options.totals),
        room_(room_for(data.inputs, room)) {
    result_.totals = totals_;
    gatherer_.add_noise(options.input_noise, options.seed, options.epoch);
    if (defers(data.inputs) && network.layer(0).trainable) {
      deferred_.emplace(network.layer(0), options.steps.begin, batch_ * data.inputs.entries(), threads);
    }
    network.prepare_backward(lowest_ + 1);
    if (options.steps.begin == 0) room_.states.reset();
  }

  EpochResult run() {
    run_team(threads_, [this](const Team& team) { work(team); });
    return result_;
  }

 private:
  bool zeros_count() const { return !fused() || !optimizer_.ignores_zero_gradients() || network_.layer(0).penalized(); }
  // A product can pass rows by where a sparse source lists the others, a table of rows always; one that lies in the
  // cache with its state is sooner updated whole.
  bool defers(const Source& inputs) const {
    const Layer<T>& first = network_.layer(0);
    const size_t bytes = first.packed_size() * (1 + state_.slots().size()) * sizeof(T);
    const bool table = first.parameter_rows() > 0 && !first.multiplies_rows() && bytes > tuning::deferred_table_bytes;
    return zeros_count() && fused() && (inputs.sparse() || table) && !first.couples_parameters();
  }

  // The room that there is, if it fits.
  typename Room<T>::Contents& room_for(const Source& inputs, Room<T>& room) {
    const Columns columns = zeros_count() && !defers(inputs) ? Columns::all : Columns::filled;
    const RoomShape shape = {inputs,  columns, chunk_,         threads_, overlaps() ? size_t(2) : size_t(1),
                             lowest_, fused(), weighs_outputs_};
    if (room.contents == nullptr || !(room.contents->shape == shape)) {
      room.contents.reset();
      room.contents = std::make_unique<typename Room<T>::Contents>(network_, shape);
      choose_skips(*room.contents);
    }
    return *room.contents;
  }

  // The zeros of the first samples speak for all.
  void choose_skips(typename Room<T>::Contents& room) {
    Chunk<T>& chunk = room.chunks[0];
    gatherer_.gather(Team(), begin_, std::min(chunk_, end_ - begin_), 1, chunk);
    chunk.inputs.list_samples(chunk.samples, 0, 1);
    const Skips skips = network_.layer(0).multiplies_rows() ? chunk.inputs.worthwhile(chunk.samples) : Skips();
    for (size_t i = 0; i < 2; ++i) {
      room.chunks[i].inputs.set_skips(skips);
      if (room.workspaces[0].signals()[1].packed_deltas != nullptr) room.chunks[i].inputs.pack();
      room.chunks[i].inputs.attach(room.signals[i][0]);
    }
  }

  // Gradients go straight into the parameters, unless the whole gradient is needed first.
  bool fused() const { return chunk_ == batch_ && !optimizer_.clips_norm(); }
  // Signals of two steps fit in the cache, and steps are so short that a barrier counts.
  bool overlaps() const {
    return fused() && chunk_ * Workspace<T>::sample_bytes(network_) <= tuning::overlapping_bytes;
  }

  void work(const Team& team) {
    std::vector<Signal<T>> signals_of[2] = {room_.signals[0], room_.signals[1]};
    size_t current = 0;
    size_t step = options_.steps.begin;
    size_t turn = 0;
    double batch_weight = gatherer_.weight_sum(begin_, std::min(batch_, end_ - begin_));
    gatherer_.gather(team, begin_, std::min(chunk_, end_ - begin_), batch_weight, room_.chunks[0]);
    team.barrier();
    room_.chunks[0].inputs.list_samples(room_.chunks[0].samples, team.index(), team.size());
    if (deferred_) deferred_->meet(team, room_.signals[0][0], room_.chunks[0].samples);
    for (size_t first = begin_; first < end_; first += batch_, ++step) {
      const size_t batch_end = std::min(first + batch_, end_);
      for (size_t begin = first; begin < batch_end; begin += chunk_) {
        const size_t end = std::min(begin + chunk_, batch_end);
        Chunk<T>& chunk = room_.chunks[current];
        Chunk<T>& next = room_.chunks[1 - current];
        std::vector<Signal<T>>& signals = signals_of[current];
        if (turn % tuning::steps_between_searches == 0) offer_lists(signals);
        const Pass pass = {true, options_.seed, options_.epoch, begin};
        network_.forward(team, signals, end - begin, pass);
        take_back_lists(signals);
        loss_stage_.compute(team, signals, chunk);
        if (end < end_) {
          const bool next_batch = end == batch_end;
          const size_t next_end = next_batch ? std::min(batch_end + batch_, end_) : batch_end;
          if (next_batch) batch_weight = gatherer_.weight_sum(end, next_end - end);
          gatherer_.gather(team, end, std::min(chunk_, next_end - end), batch_weight, next);
        }
        const bool last_of_step = end == batch_end;
        if (team.index() == 0 && last_of_step && stop_behind_ == SIZE_MAX) {
          settings_ = state_.next_step(optimizer_, options_.rates[step]);
          if (deferred_) deferred_->record(step, target_of(0, step));
        }
        network_.backward(team, signals, end - begin, lowest_ + 1, pass);
        if (stop_behind_ < turn) return finish(team, step);
        network_.update_statistics(team);
        gradients(team, signals, end - begin, begin > first, step);
        if (team.index() == 0) account(chunk, step, turn, last_of_step);
        if (deferred_) {
          deferred_->updated(team, step);
          if (end < end_) deferred_->bring_up(team, step, room_.signals[1 - current][0], next.samples);
        }
        if (end < end_) next.inputs.list_samples(next.samples, team.index(), team.size());
        if (!runs_on(team, end)) team.barrier();
        current = 1 - current;
        turn += 1;
      }
      if (!fused()) {
        stored_step_.run(team, settings_, shrink_of<T>(optimizer_, options_.rates[step]), room_.gradient.data(), true);
        finish_updates(team);
        team.barrier();
      }
    }
    finish(team, step);
  }

  // Before step `next`, nothing may stay behind.
  void finish(const Team& team, size_t next) {
    if (deferred_ && next > options_.steps.begin) deferred_->bring_up_all(team, next - 1);
  }

  // Zeros of hidden activations come and go as training does: now and then all layers that could save something list
  // them, and go on with it while they do.
  void offer_lists(std::vector<Signal<T>>& signals) {
    for (size_t i = 1; i + 1 < signals.size(); ++i) {
      if (!room_.activation_lists.empty()) signals[i].lists = room_.activation_lists[i - 1].get();
    }
  }

  static void take_back_lists(std::vector<Signal<T>>& signals) {
    for (size_t i = 1; i + 1 < signals.size(); ++i) {
      if (signals[i].of_samples == nullptr) signals[i].lists = nullptr;
    }
  }

  // Whether the next chunk may go forward before every thread has updated its parameters.
  bool runs_on(const Team& team, size_t end) const {
    return overlaps() && !network_.layer(0).by_samples(team, std::min(batch_, end_ - end));
  }

  void gradients(const Team& team, const std::vector<Signal<T>>& signals, size_t samples, bool accumulate,
                 size_t step) {
    for (size_t i = lowest_; i < network_.size(); ++i) {
      if (!network_.layer(i).trainable) continue;
      const GradientTarget<T> target =
          fused() ? target_of(i, step) : stored_gradient(network_, room_.gradient.data(), i, accumulate);
      network_.layer(i).gradient(team, signals[i], signals[i + 1], samples, target);
    }
    if (fused()) finish_updates(team);
  }

  GradientTarget<T> target_of(size_t layer, size_t step) {
    GradientTarget<T> target =
        updating(network_, state_, settings_, shrink_of<T>(optimizer_, options_.rates[step]), layer);
    target.every_row = zeros_count() && !deferred_;
    return target;
  }

  void finish_updates(const Team& team) {
    for (size_t i = lowest_; i < network_.size(); ++i) {
      if (network_.layer(i).trainable) network_.layer(i).finish_update(team);
    }
  }

  // The other threads look at stop_behind_ a turn later, with a barrier between: all stop in the same place.
  void account(const Chunk<T>& chunk, size_t step, size_t turn, bool last_of_step) {
    add_to(totals_, chunk);
    if (!std::isfinite(totals_.loss)) {
      if (result_.diverged < 0) result_.diverged = long(step);
    } else if (last_of_step) {
      result_.steps += 1;
      result_.totals = totals_;
    }
    if (stop_behind_ != SIZE_MAX) return;
    if (result_.diverged >= 0 || !timer_.go_on(options_.steps.begin + result_.steps)) stop_behind_ = turn;
  }

  Network<T>& network_;
  OptimizerState<T>& state_;
  const Optimizer& optimizer_;
  const EpochOptions& options_;
  const size_t batch_, begin_, end_;  // samples of the epoch, from and to
  const size_t chunk_, threads_, lowest_;
  const bool weighs_outputs_;
  const std::vector<int64_t> order_;
  Gatherer<T> gatherer_;
  LossStage<T> loss_stage_;
  StoredStep<T> stored_step_;
  PollTimer timer_;
  std::optional<DeferredUpdates<T>> deferred_;
  StepSettings<T> settings_ = {};
  Totals totals_;
  typename Room<T>::Contents& room_;
  EpochResult result_;
  std::atomic<size_t> stop_behind_{SIZE_MAX};
};

}  // namespace

template <class T>
EpochResult train_epoch(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, const Data& data,
                        const EpochOptions& options, const Poll& poll, Room<T>& room) {
  const size_t batch = std::min(options.batch_size, data.inputs.rows);
  const double work =
      double(batch) * network.work(data.inputs.entries()) * 3 + double(network.parameter_count()) * tuning::update_work;
  Epoch<T> epoch(network, state, optimizer, data, options, poll, threads_for(work), room);
  EpochResult result = epoch.run();
  const auto finite = [](const AlignedArray<T>& values) {
    return kernels<T>().all_finite(values.data(), values.size());
  };
  if (result.diverged < 0 && !(finite(network.parameters()) && finite(network.statistics()))) {
    result.diverged = long(options.steps.begin + result.steps) - 1;
  }
  return result;
}

template <class T>
Evaluation<T> evaluate(const Network<T>& network, const Data& data, const Loss& loss) {
  constexpr size_t block = tuning::evaluation_blocks;
  const size_t threads = threads_for(double(data.inputs.rows) * network.work(data.inputs.entries()));
  // The pieces' sums are added up: what a piece is must not depend on the instruction set.
  const size_t rows = rows_in_memory(network, data.inputs, tuning::prediction_rows);
  const Gatherer<T> gatherer(network, data, loss, nullptr);
  std::vector<Workspace<T>> workspaces;
  std::vector<Chunk<T>> chunks;
  const LossStage<T> stage(network, loss, data.targets);
  for (size_t i = 0; i < threads; ++i) {
    workspaces.emplace_back(network, rows, Workspace<T>::Purpose::training);
    chunks.emplace_back(data.inputs, rows, network.outputs(), Columns::none, 1, data.step_weights != nullptr);
  }
  const size_t pieces = (data.inputs.rows + rows - 1) / rows;
  Totals totals;
  std::vector<Totals> parts(std::min(pieces, block));
  for (size_t begin = 0; begin < pieces; begin += block) {
    const size_t count = std::min(block, pieces - begin);
    run_team(threads, [&](const Team& team) {
      const Range part = team.share(count);
      const Team alone;
      Chunk<T>& chunk = chunks[team.index()];
      std::vector<Signal<T>> signals = workspaces[team.index()].signals();
      for (size_t i = part.begin; i < part.end; ++i) {
        const size_t first = (begin + i) * rows;
        gatherer.gather(alone, first, std::min(rows, data.inputs.rows - first), 1, chunk);
        if (i == part.begin) {
          const bool lists = network.layer(0).multiplies_rows();
          chunk.inputs.set_skips(lists ? chunk.inputs.worthwhile(chunk.samples) : Skips());
          chunk.inputs.attach(signals[0]);
        }
        network.forward(alone, signals, chunk.samples, {});
        stage.compute(alone, signals, chunk);
        parts[i] = Totals();
        add_to(parts[i], chunk);
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
  const size_t threads = threads_for(double(samples) * network.work(data.inputs.entries()) * 3);
  const Gatherer<T> gatherer(network, data, loss, nullptr);
  Chunk<T> chunk(data.inputs, capacity, network.outputs(), Columns::filled, threads, data.step_weights != nullptr);
  const LossStage<T> stage(network, loss, data.targets);
  const double weight = gatherer.weight_sum(0, samples);
  Totals totals;
  std::memset(gradient, 0, network.parameters().size() * sizeof(T));
  network.prepare_backward(1);
  std::vector<Signal<T>> common = workspace.signals();
  if (!network.layer(0).multiplies_rows()) chunk.inputs.set_skips({});
  chunk.inputs.attach(common[0]);
  run_team(threads, [&](const Team& team) {
    std::vector<Signal<T>> signals = common;
    for (size_t first = 0; first < samples; first += capacity) {
      const size_t count = std::min(capacity, samples - first);
      gatherer.gather(team, first, count, weight, chunk);
      team.barrier();
      chunk.inputs.list_samples(count, team.index(), team.size());
      network.forward(team, signals, count, {});
      stage.compute(team, signals, chunk);
      network.backward(team, signals, count, 1, {});
      for (size_t i = 0; i < network.size(); ++i) {
        if (!network.layer(i).trainable) continue;
        network.layer(i).gradient(team, signals[i], signals[i + 1], count, stored_gradient(network, gradient, i, true));
      }
      if (team.index() == 0) add_to(totals, chunk);
      team.barrier();
    }
  });
  if (!data.inputs.sparse() && capacity == samples) {
    std::memcpy(workspace.signals()[0].activations, common[0].activations, samples * common[0].stride * sizeof(T));
  }
  for (size_t i = 0; i < network.size(); ++i) {
    if (network.layer(i).trainable) network.layer(i).regularize(gradient + network.offset(i), T(0));
  }
  return totals.mean_loss() + network.penalty();
}

template <class T>
void backward(Network<T>& network, Workspace<T>& workspace, size_t samples, const Pass& pass, T* gradient) {
  std::memset(gradient, 0, network.parameters().size() * sizeof(T));
  network.prepare_backward(0);
  // The error is the caller's: the layers' own losses are no part of it.
  const AlignedArray<T> no_weights(samples);
  AlignedArray<double> losses(samples);
  network.add_losses(workspace.signals(), {0, samples}, no_weights.data(), losses.data());
  run_team(threads_for(double(samples) * network.work(network.inputs()) * 2), [&](const Team& team) {
    const std::vector<Signal<T>>& signals = workspace.signals();
    network.backward(team, signals, samples, 0, pass);
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

#define CHAINRULE_INSTANTIATE(T)                                                                      \
  template class Room<T>;                                                                             \
  template EpochResult train_epoch<T>(Network<T>&, OptimizerState<T>&, const Optimizer&, const Data&, \
                                      const EpochOptions&, const Poll&, Room<T>&);                    \
  template Evaluation<T> evaluate<T>(const Network<T>&, const Data&, const Loss&);                    \
  template double loss_and_gradient<T>(Network<T>&, Workspace<T>&, const Data&, const Loss&, T*);     \
  template void backward<T>(Network<T>&, Workspace<T>&, size_t, const Pass&, T*);                     \
  template void step<T>(Network<T>&, OptimizerState<T>&, const Optimizer&, double, T*)
CHAINRULE_INSTANTIATE(float);
CHAINRULE_INSTANTIATE(double);
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
