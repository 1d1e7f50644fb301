#include "training/evaluate.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "data/sizes.hpp"
#include "network/workspace.hpp"
#include "training/gatherer.hpp"
#include "training/loss_stage.hpp"

namespace chainrule {

namespace {

// One thread's memory, and its way through some samples.
template <class T>
class Evaluator {
 public:
  Evaluator(const Network<T>& network, const Data& data, size_t rows)
      : network_(network),
        workspace_(network, rows, Workspace<T>::Purpose::training),
        signals_(workspace_.signals()),
        chunk_(data.inputs, rows, network.outputs(), Columns::none, 1, data.step_weights != nullptr) {}

  // Computes the losses of samples. The first ones tell whether skipping the zeros of inputs pays.
  void compute(const Gatherer<T>& gatherer, const LossStage<T>& stage, size_t first, size_t count) {
    const Team alone;
    gatherer.gather(alone, first, count, first, 1, chunk_);
    if (!searched_) {
      searched_ = true;
      const bool lists = network_.layer(0).traits().is_row_product;
      chunk_.inputs.set_skips(lists ? chunk_.inputs.worthwhile(chunk_.samples) : Skips());
      chunk_.inputs.attach(signals_[0]);
    }
    network_.forward(alone, signals_, chunk_.samples, {});
    stage.compute(alone, signals_, chunk_);
  }

  void add_to(Totals& totals) const { chunk_.add_to(totals); }

 private:
  const Network<T>& network_;
  Workspace<T> workspace_;
  std::vector<Signal<T>> signals_;
  Chunk<T> chunk_;
  bool searched_ = false;
};

// What ranks hand on: the sum over blocks of samples, and the sums over the samples of a block that is not complete.
struct BlockSums {
  Totals blocks, open;
};

// The smallest of a number on all ranks.
size_t smallest_of(Ranks& ranks, size_t number) {
  size_t smallest = number;
  if (!ranks.is_first()) ranks.receive_from_before(&smallest, sizeof(smallest));
  smallest = std::min(smallest, number);
  if (!ranks.is_last()) ranks.send_to_next(&smallest, sizeof(smallest));
  ranks.broadcast_from_last(&smallest, sizeof(smallest));
  // It divides, and a faulty message may be all zeros.
  return std::max<size_t>(smallest, 1);
}

// The samples of this rank among those of all, whose blocks it takes whole if all ranks have the same ones.
Range samples_of(const Ranks& ranks, const SamplesOfRanks& samples_of_ranks, size_t samples, size_t block) {
  if (samples_of_ranks.empty()) return ranks.share({0, samples}, block);
  const auto own = samples_of_ranks.begin() + ptrdiff_t(ranks.rank());
  const size_t before = std::accumulate(samples_of_ranks.begin(), own, size_t(0));
  return {before, before + samples};
}

}  // namespace

template <class T>
Evaluation<T> evaluate(const Network<T>& network, const Data& data, const Loss& loss, TeamSize& team_size, Ranks& ranks,
                       const SamplesOfRanks& samples_of_ranks) {
  // Sums over so many samples are added up, so that their number must not depend on the instruction set. Sparse rows
  // may be longer on one rank than on the others.
  const size_t rows = smallest_of(ranks, rows_in_memory(network, data.inputs, tuning::prediction_rows));
  const Range own = samples_of(ranks, samples_of_ranks, data.inputs.rows, rows);
  const size_t before = samples_of_ranks.empty() ? 0 : own.begin;
  // An outside loss is computed by the thread that calls the core.
  const size_t threads =
      loss.outside != nullptr ? 1 : threads_for(double(own.size()) * network.work(data.inputs.entries()));
  const Gatherer<T> gatherer(network, data, loss, nullptr);
  const std::unique_ptr<LossStage<T>> stage = make_loss_stage(network, loss, data.targets);
  std::vector<Evaluator<T>> evaluators;
  evaluators.reserve(threads);
  for (size_t i = 0; i < threads; ++i) evaluators.emplace_back(network, data, rows);
  const size_t first_block = own.begin / rows;
  const size_t blocks = own.size() == 0 ? 0 : (own.end - 1) / rows - first_block + 1;
  const auto block = [&](size_t i) {
    const size_t begin = (first_block + i) * rows;
    return Range{std::max(begin, own.begin), std::min(begin + rows, own.end)};
  };
  const auto compute = [&](Evaluator<T>& evaluator, const Range& samples) {
    evaluator.compute(gatherer, *stage, samples.begin - before, samples.size());
  };
  // A block that began on the rank before is continued there, sample by sample.
  std::optional<Evaluator<T>> begun;
  if (blocks > 0 && own.begin % rows != 0) compute(begun.emplace(network, data, rows), block(0));
  std::vector<Totals> of_blocks(blocks);
  run_items(team_size, threads, blocks, [&](size_t thread, size_t i) {
    if (stage->failed() || (i == 0 && begun)) return;
    compute(evaluators[thread], block(i));
    evaluators[thread].add_to(of_blocks[i]);
  });
  BlockSums sums;
  if (!ranks.is_first()) ranks.receive_from_before(&sums, sizeof(sums));
  if (begun) begun->add_to(sums.open);
  for (size_t i = 0; i < blocks; ++i) {
    sums.open += of_blocks[i];
    if (block(i).end % rows != 0) continue;
    sums.blocks += sums.open;
    sums.open = {};
  }
  if (!ranks.is_last()) ranks.send_to_next(&sums, sizeof(sums));
  Totals totals = sums.blocks;
  totals += sums.open;
  ranks.broadcast_from_last(&totals, sizeof(totals));
  return {totals.mean_loss(), totals.mean_metric()};
}

template Evaluation<float> evaluate<float>(const Network<float>&, const Data&, const Loss&, TeamSize&, Ranks&,
                                           const SamplesOfRanks&);
template Evaluation<double> evaluate<double>(const Network<double>&, const Data&, const Loss&, TeamSize&, Ranks&,
                                             const SamplesOfRanks&);

}  // namespace chainrule
