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

// The samples of this rank among those of all, in blocks of `rows` samples of all.
struct OwnBlocks {
  Range own;
  size_t rows;

  size_t count() const { return own.size() == 0 ? 0 : (own.end - 1) / rows - own.begin / rows + 1; }
  Range block(size_t i) const {
    const size_t begin = (own.begin / rows + i) * rows;
    return {std::max(begin, own.begin), std::min(begin + rows, own.end)};
  }
  // Whether the first block began on a rank before, and whether a block ends here.
  bool begin_before() const { return own.size() > 0 && own.begin % rows != 0; }
  bool ends(size_t i) const { return block(i).end % rows == 0; }
};

// Ranks that have the same samples take whole blocks of them.
OwnBlocks own_blocks(const Ranks& ranks, const SamplesOfRanks& samples_of_ranks, size_t samples, size_t rows) {
  if (samples_of_ranks.empty()) return {ranks.share({0, samples}, rows), rows};
  const auto own = samples_of_ranks.begin() + ptrdiff_t(ranks.rank());
  const size_t before = std::accumulate(samples_of_ranks.begin(), own, size_t(0));
  return {{before, before + samples}, rows};
}

// The sums over the samples of all ranks, from those of this one's blocks. A block that began on the rank before is
// continued sample by sample.
template <class T>
Totals totals_of_all(Ranks& ranks, const OwnBlocks& blocks, const std::vector<Totals>& of_blocks,
                     const std::optional<Evaluator<T>>& begun) {
  BlockSums sums;
  if (!ranks.is_first()) ranks.receive_from_before(&sums, sizeof(sums));
  if (begun) begun->add_to(sums.open);
  for (size_t i = 0; i < blocks.count(); ++i) {
    sums.open += of_blocks[i];
    if (!blocks.ends(i)) continue;
    sums.blocks += sums.open;
    sums.open = {};
  }
  if (!ranks.is_last()) ranks.send_to_next(&sums, sizeof(sums));
  Totals totals = sums.blocks;
  totals += sums.open;
  ranks.broadcast_from_last(&totals, sizeof(totals));
  return totals;
}

}  // namespace

template <class T>
Evaluation<T> evaluate(const Network<T>& network, const Data& data, const Loss& loss, TeamSize& team_size, Ranks& ranks,
                       const SamplesOfRanks& samples_of_ranks) {
  // Sums over so many samples are added up, so that their number must not depend on the instruction set. Sparse rows
  // may be longer on one rank than on the others.
  const size_t rows = smallest_of(ranks, rows_in_memory(network, data.inputs, tuning::prediction_rows));
  const OwnBlocks blocks = own_blocks(ranks, samples_of_ranks, data.inputs.rows, rows);
  const size_t before = samples_of_ranks.empty() ? 0 : blocks.own.begin;
  // An outside loss is computed by the thread that calls the core.
  const size_t threads =
      loss.outside != nullptr ? 1 : threads_for(double(blocks.own.size()) * network.work(data.inputs.entries()));
  const Gatherer<T> gatherer(network, data, loss, nullptr);
  const std::unique_ptr<LossStage<T>> stage = make_loss_stage(network, loss, data.targets);
  std::vector<Evaluator<T>> evaluators;
  evaluators.reserve(threads);
  for (size_t i = 0; i < threads; ++i) evaluators.emplace_back(network, data, rows);
  const auto compute = [&](Evaluator<T>& evaluator, const Range& samples) {
    evaluator.compute(gatherer, *stage, samples.begin - before, samples.size());
  };
  std::optional<Evaluator<T>> begun;
  if (blocks.begin_before()) compute(begun.emplace(network, data, rows), blocks.block(0));
  std::vector<Totals> of_blocks(blocks.count());
  run_items(team_size, threads, of_blocks.size(), [&](size_t thread, size_t i) {
    if (stage->failed() || (i == 0 && begun)) return;
    compute(evaluators[thread], blocks.block(i));
    evaluators[thread].add_to(of_blocks[i]);
  });
  const Totals totals = totals_of_all(ranks, blocks, of_blocks, begun);
  return {totals.mean_loss(), totals.mean_metric()};
}

template Evaluation<float> evaluate<float>(const Network<float>&, const Data&, const Loss&, TeamSize&, Ranks&,
                                           const SamplesOfRanks&);
template Evaluation<double> evaluate<double>(const Network<double>&, const Data&, const Loss&, TeamSize&, Ranks&,
                                             const SamplesOfRanks&);

}  // namespace chainrule
