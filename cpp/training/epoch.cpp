#include "training/epoch.hpp"

#include <atomic>
#include <cmath>
#include <optional>

#include "base/random.hpp"
#include "training/deferred_updates.hpp"
#include "training/gatherer.hpp"
#include "training/loss_stage.hpp"
#include "training/step_sums.hpp"
#include "training/whole_gradient.hpp"

namespace chainrule {

namespace {

// A turn: one chunk of samples on its way forward and back.
struct Turn {
  size_t number;
  size_t step;
  Range share;        // the positions of the samples of a batch that this rank takes
  size_t begin, end;  // those of the chunk
  size_t place;       // of the chunk's first sample (Share)
  double batch_weight;

  bool starts_step() const { return begin == share.begin; }
  bool ends_step() const { return end == share.end; }
  size_t samples() const { return end - begin; }
};

// All threads run the same loop over turns. Members are shared: only thread 0 writes them, between barriers.
//
// Between the barriers of two steps are two stages. In the first, samples go forward, meet the loss and come back, and
// the next chunk is gathered; in the second, the parameters change. If the first layer shares out its units, a thread
// starts its next forward pass directly after its update, without a barrier, and the signals of both steps are alive.
// A team that should have another size ends after a turn, and the next one goes on where it ended.
template <class T>
class Epoch {
 public:
  Epoch(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, const Data& data,
        const EpochOptions& options, const Poll& poll, TeamSize& team_size,
        std::unique_ptr<EpochWorkspace<T>>& workspace)
      : network_(network),
        state_(state),
        optimizer_(optimizer),
        data_(data),
        options_(options),
        shares_(*options.ranks, options.samples_of_ranks, data.inputs.rows, options.batch_size, network.sample_block()),
        plan_(plan_epoch(network, state, optimizer, data.inputs, options.loss, shares_, *options.ranks)),
        order_(options.shuffle ? shares_.shuffled(options.seed, options.epoch) : std::vector<int64_t>()),
        gatherer_(network, data, options.loss, options.shuffle ? order_.data() : nullptr),
        batch_weights_(batch_weights()),
        loss_stage_(make_loss_stage(network, options.loss, data.targets)),
        whole_step_(network, state, optimizer),
        sums_(network, *options.ranks, options.totals),
        timer_(poll, double(plan_.chunk) * network.work(data.inputs.entries()) * 3),
        team_size_(team_size),
        workspace_(workspace_for({plan_, data}, workspace)) {
    result_.totals = options.totals;
    gatherer_.add_noise(options.input_noise, options.seed, options.epoch);
    network.prepare_backward(plan_.lowest + 1);
    if (options.steps.begin == 0) workspace_.states.reset();
  }

  EpochResult run() {
    if (options_.ranks->failed()) return result_;
    for (next_ = first_turn(); next_;) {
      threads_ = team_size_.threads(plan_.threads);
      defer_updates(next_->step);
      team_ends_after_ = SIZE_MAX;
      begin_ = TeamSize::Clock::now();
      run_team(threads_, [this, first = *next_](const Team& team) { work(team, first); });
    }
    return result_;
  }

 private:
  // The kept workspace if it fits, else a new one.
  EpochWorkspace<T>& workspace_for(const EpochWorkspaceKey& key, std::unique_ptr<EpochWorkspace<T>>& kept) {
    if (kept == nullptr || !(kept->key == key)) {
      kept.reset();
      kept = std::make_unique<EpochWorkspace<T>>(network_, key);
      choose_skips(*kept);
    }
    return *kept;
  }

  // Decides for all chunks, by the first samples, whether products skip the zeros of the inputs.
  void choose_skips(EpochWorkspace<T>& workspace) {
    Chunk<T>& chunk = workspace.chunks[0];
    const Turn first = first_turn();
    gatherer_.gather(Team(), first.place, first.samples(), first.begin, 1, chunk);
    chunk.inputs.list_samples(chunk.samples, 0, 1);
    const Skips skips = network_.layer(0).traits().is_row_product ? chunk.inputs.worthwhile(chunk.samples) : Skips();
    for (size_t i = 0; i < 2; ++i) {
      workspace.chunks[i].inputs.set_skips(skips);
      if (workspace.workspaces[0].signals()[1].packed_deltas != nullptr) workspace.chunks[i].inputs.pack();
      workspace.chunks[i].inputs.attach(workspace.signals[i][0]);
    }
  }

  // Rows of parameters that no sample touches are updated later, from this step on.
  void defer_updates(size_t step) {
    if (!plan_.defers || !network_.layer(0).trainable) return;
    deferred_.emplace(*network_.layer(0).parameter_rows(), step, shares_.batch_size() * data_.inputs.entries(),
                      threads_);
  }

  // A thread's part of the turns from one on, up to the last, or to where the team ends.
  void work(const Team& team, Turn turn) {
    std::vector<Signal<T>> signals_of[2] = {workspace_.signals[0], workspace_.signals[1]};
    if (team.index() == 0) leave_lists_to(team.size());
    gather(team, turn);
    team.barrier();
    chunk_of(turn).inputs.list_samples(turn.samples(), team.index(), team.size());
    if (deferred_) deferred_->touch(team, workspace_.signals[turn.number % 2][0], turn.samples());
    while (true) {
      std::vector<Signal<T>>& signals = signals_of[turn.number % 2];
      const Pass pass = {true, options_.seed, options_.epoch, position_of(turn), turn.step};
      forward(team, turn, signals, pass);
      if (loss_stage_->failed()) return finish(team, turn.step, std::nullopt);
      const std::optional<Turn> next = turn_after(turn);
      if (next) gather(team, *next);
      if (team.index() == 0 && turn.ends_step() && stop_after_ == SIZE_MAX) start_update(turn);
      network_.backward(team, signals, turn.samples(), plan_.lowest + 1, pass);
      if (stop_after_ < turn.number) return finish(team, turn.step, std::nullopt);
      network_.update_statistics(team, signals);
      if (team.index() == 0) sums_.add_losses(chunk_of(turn));
      gradients(team, turn, signals);
      if (team.index() == 0) account(team, turn);
      if (deferred_) update_rows(team, turn, next);
      if (next) chunk_of(*next).inputs.list_samples(next->samples(), team.index(), team.size());
      if (!next || !runs_on(team, *next)) team.barrier();
      if (options_.ranks->failed()) return finish(team, turn.step, std::nullopt);
      if (!plan_.fused && turn.ends_step()) update_from_whole_gradient(team);
      if (!next || team_ends_after_ <= turn.number) return finish(team, turn.step + (turn.ends_step() ? 1 : 0), next);
      turn = *next;
    }
  }

  // The team before may have had more threads.
  void leave_lists_to(size_t threads) {
    for (Chunk<T>& chunk : workspace_.chunks) chunk.inputs.leave_lists_to(threads);
    for (const auto& lists : workspace_.activation_lists) {
      if (lists != nullptr) lists->leave_to(threads);
    }
  }

  Turn first_turn() const { return first_of_step(0, options_.steps.begin); }

  std::optional<Turn> turn_after(const Turn& turn) const {
    if (turn.ends_step() && turn.step + 1 == options_.steps.end) return std::nullopt;
    if (turn.ends_step()) return first_of_step(turn.number + 1, turn.step + 1);
    Turn next = turn;
    next.number += 1;
    next.begin = turn.end;
    next.end = std::min(next.begin + plan_.chunk, next.share.end);
    next.place += turn.samples();
    return next;
  }

  Turn first_of_step(size_t number, size_t step) const {
    const Share share = shares_.share(step);
    return {.number = number,
            .step = step,
            .share = share.positions,
            .begin = share.positions.begin,
            .end = std::min(share.positions.begin + plan_.chunk, share.positions.end),
            .place = share.place,
            .batch_weight = batch_weights_.empty() ? double(shares_.batch(step).size())
                                                   : batch_weights_[step - options_.steps.begin]};
  }

  // The sums of the weights of the batches, over the samples of all ranks in their order; none if all weights are one.
  std::vector<double> batch_weights() {
    if (data_.weights == nullptr) return {};
    std::vector<double> sums(options_.steps.size());
    Ranks& ranks = *options_.ranks;
    if (!ranks.is_first()) ranks.receive_from_before(sums.data(), sums.size() * sizeof(double));
    for (size_t i = 0; i < sums.size(); ++i) {
      const Share share = shares_.share(options_.steps.begin + i);
      sums[i] = gatherer_.add_weights(share.place, share.positions.size(), sums[i]);
    }
    if (!ranks.is_last()) ranks.send_to_next(sums.data(), sums.size() * sizeof(double));
    ranks.broadcast_from_last(sums.data(), sums.size() * sizeof(double));
    return sums;
  }

  // That of the chunk's first sample in the epoch.
  size_t position_of(const Turn& turn) const { return options_.samples_before + turn.begin; }

  Chunk<T>& chunk_of(const Turn& turn) { return workspace_.chunks[turn.number % 2]; }

  void gather(const Team& team, const Turn& turn) {
    gatherer_.gather(team, turn.place, turn.samples(), position_of(turn), turn.batch_weight, chunk_of(turn));
  }

  void forward(const Team& team, const Turn& turn, std::vector<Signal<T>>& signals, const Pass& pass) {
    if (turn.number % tuning::steps_between_searches == 0) offer_lists(signals);
    network_.forward(team, signals, turn.samples(), pass);
    take_back_lists(signals);
    loss_stage_->compute(team, signals, chunk_of(turn));
  }

  // The zeros of hidden activations change in training. Now and then, all layers that could save work list theirs, and
  // continue to do so as long as it pays.
  void offer_lists(std::vector<Signal<T>>& signals) {
    for (size_t i = 1; i + 1 < signals.size(); ++i) {
      if (!workspace_.activation_lists.empty()) signals[i].lists = workspace_.activation_lists[i - 1].get();
    }
  }

  static void take_back_lists(std::vector<Signal<T>>& signals) {
    for (size_t i = 1; i + 1 < signals.size(); ++i) {
      if (signals[i].of_samples == nullptr) signals[i].lists = nullptr;
    }
  }

  // Thread 0, before the barrier at which the parameters may change.
  void start_update(const Turn& turn) {
    const double* const decays = options_.weight_decays;
    const double decay = decays == nullptr ? optimizer_.settings().weight_decay : decays[turn.step];
    settings_ = state_.next_step(optimizer_, options_.rates[turn.step], decay);
    if (deferred_) deferred_->record(turn.step, target_of(0));
  }

  void gradients(const Team& team, const Turn& turn, const std::vector<Signal<T>>& signals) {
    for (size_t i = plan_.lowest; i < network_.size(); ++i) {
      if (!network_.layer(i).trainable) continue;
      if (plan_.fused) {
        network_.layer(i).gradient(team, signals[i], signals[i + 1], turn.samples(), target_of(i));
      } else {
        sums_.add_gradient(team, signals, i, turn.samples(), !turn.starts_step(), workspace_.gradient.data());
      }
    }
    if (plan_.fused) return network_.finish_update(team);
    sums_.complete(team, workspace_.gradient.data());
  }

  GradientTarget<T> target_of(size_t layer) {
    GradientTarget<T> target = updating(network_, state_, settings_, layer);
    target.every_row = plan_.zeros_count && !deferred_;
    return target;
  }

  void update_from_whole_gradient(const Team& team) {
    whole_step_.run(team, settings_, workspace_.gradient.data(), false);
    network_.finish_update(team);
    team.barrier();
  }

  void update_rows(const Team& team, const Turn& turn, const std::optional<Turn>& next) {
    deferred_->updated(team, turn.step);
    if (next) deferred_->bring_up(team, turn.step, workspace_.signals[next->number % 2][0], next->samples());
  }

  // Whether the next chunk may go forward before every thread has updated its parameters.
  bool runs_on(const Team& team, const Turn& next) const {
    return plan_.overlaps && !network_.layer(0).by_samples(team, next.samples());
  }

  // Thread 0 decides by the sums of the losses whether training stops, or the team ends. The other threads read that a
  // turn later, with a barrier in between, so that all of them stop in the same place.
  void account(const Team& team, const Turn& turn) {
    judge_team(team, turn);
    if (options_.ranks->failed()) return;
    if (!std::isfinite(sums_.totals().loss)) {
      if (result_.diverged < 0) result_.diverged = long(turn.step);
    } else if (turn.ends_step()) {
      result_.steps += 1;
      result_.totals = sums_.totals();
    }
    if (stop_after_ != SIZE_MAX) return;
    const bool stops = sums_.stops(!timer_.may_continue(options_.steps.begin + result_.steps));
    if (stops || result_.diverged >= 0) stop_after_ = turn.number;
  }

  void judge_team(const Team& team, const Turn& turn) {
    if (plan_.threads == 1 || team_ends_after_ != SIZE_MAX) return;
    const auto now = TeamSize::Clock::now();
    team_size_.took({.count = 1, .threads = team.size(), .slept = team.slept(), .begin = begin_, .end = now});
    begin_ = now;
    if (team_size_.threads(plan_.threads) != threads_) team_ends_after_ = turn.number + 1;
  }

  // Before the step after the last one, deferred updates are made. The next team begins with the turn `next`, if any.
  void finish(const Team& team, size_t step, const std::optional<Turn>& next) {
    if (deferred_ && step > options_.steps.begin) deferred_->bring_up_all(team, step - 1);
    if (team.index() == 0) next_ = next;
  }

  Network<T>& network_;
  OptimizerState<T>& state_;
  const Optimizer& optimizer_;
  const Data& data_;
  const EpochOptions& options_;
  const Shares shares_;
  const EpochPlan plan_;
  const std::vector<int64_t> order_;
  Gatherer<T> gatherer_;
  const std::vector<double> batch_weights_;
  const std::unique_ptr<LossStage<T>> loss_stage_;
  WholeGradientStep<T> whole_step_;
  StepSums<T> sums_;
  PollTimer timer_;
  std::optional<DeferredUpdates<T>> deferred_;
  StepSettings<T> settings_ = {};
  TeamSize& team_size_;
  EpochWorkspace<T>& workspace_;
  EpochResult result_;
  std::optional<Turn> next_;           // that a team begins with
  size_t threads_ = 1;                 // that it was asked to have
  TeamSize::Clock::time_point begin_;  // of the turn
  std::atomic<size_t> stop_after_{SIZE_MAX}, team_ends_after_{SIZE_MAX};
};

}  // namespace

template <class T>
EpochResult train_epoch(Network<T>& network, OptimizerState<T>& state, const Optimizer& optimizer, const Data& data,
                        const EpochOptions& options, const Poll& poll, TeamSize& team_size,
                        std::unique_ptr<EpochWorkspace<T>>& workspace) {
  Epoch<T> epoch(network, state, optimizer, data, options, poll, team_size, workspace);
  EpochResult result = epoch.run();
  const auto finite = [](const AlignedArray<T>& values) {
    return kernels<T>().all_finite(values.data(), values.size());
  };
  if (result.diverged < 0 && !(finite(network.parameters()) && finite(network.statistics()))) {
    result.diverged = long(options.steps.begin + result.steps) - 1;
  }
  return result;
}

#define CHAINRULE_INSTANTIATE(T)                                                                      \
  template EpochResult train_epoch<T>(Network<T>&, OptimizerState<T>&, const Optimizer&, const Data&, \
                                      const EpochOptions&, const Poll&, TeamSize&,                    \
                                      std::unique_ptr<EpochWorkspace<T>>&)
CHAINRULE_INSTANTIATE(float);
CHAINRULE_INSTANTIATE(double);
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
