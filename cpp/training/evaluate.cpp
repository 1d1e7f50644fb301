#include "training/evaluate.hpp"

#include <algorithm>
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

  // The sums over samples [first, first + count). The first ones tell whether skipping the zeros of inputs pays.
  Totals evaluate(const Gatherer<T>& gatherer, const LossStage<T>& stage, size_t first, size_t count) {
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
    Totals totals;
    chunk_.add_to(totals);
    return totals;
  }

 private:
  const Network<T>& network_;
  Workspace<T> workspace_;
  std::vector<Signal<T>> signals_;
  Chunk<T> chunk_;
  bool searched_ = false;
};

}  // namespace

template <class T>
Evaluation<T> evaluate(const Network<T>& network, const Data& data, const Loss& loss, TeamSize& team_size,
                       Ranks& ranks) {
  // Sums over so many samples are added up, so that their number must not depend on the instruction set.
  const size_t rows = rows_in_memory(network, data.inputs, tuning::prediction_rows);
  const Range own = ranks.share({0, data.inputs.rows}, rows);
  // An outside loss is computed by the thread that calls the core.
  const size_t threads =
      loss.outside != nullptr ? 1 : threads_for(double(own.size()) * network.work(data.inputs.entries()));
  const Gatherer<T> gatherer(network, data, loss, nullptr);
  const std::unique_ptr<LossStage<T>> stage = make_loss_stage(network, loss, data.targets);
  std::vector<Evaluator<T>> evaluators;
  evaluators.reserve(threads);
  for (size_t i = 0; i < threads; ++i) evaluators.emplace_back(network, data, rows);
  std::vector<Totals> sums((own.size() + rows - 1) / rows);
  run_items(team_size, threads, sums.size(), [&](size_t thread, size_t i) {
    if (stage->failed()) return;
    const size_t first = own.begin + i * rows;
    sums[i] = evaluators[thread].evaluate(gatherer, *stage, first, std::min(rows, own.end - first));
  });
  Totals totals;
  if (!ranks.is_first()) ranks.receive_from_before(&totals, sizeof(totals));
  for (const Totals& part : sums) {
    totals.weight += part.weight;
    totals.loss += part.loss;
    totals.metric += part.metric;
  }
  if (!ranks.is_last()) ranks.send_to_next(&totals, sizeof(totals));
  ranks.broadcast_from_last(&totals, sizeof(totals));
  return {totals.mean_loss(), totals.mean_metric()};
}

template Evaluation<float> evaluate<float>(const Network<float>&, const Data&, const Loss&, TeamSize&, Ranks&);
template Evaluation<double> evaluate<double>(const Network<double>&, const Data&, const Loss&, TeamSize&, Ranks&);

}  // namespace chainrule
