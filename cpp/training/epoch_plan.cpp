#include "training/epoch_plan.hpp"

#include <algorithm>

#include "base/tuning.hpp"
#include "data/sizes.hpp"
#include "network/workspace.hpp"

namespace chainrule {

namespace {

// As many of the samples of a chunk as keep their signals in the threads' caches, from the forward pass to the
// gradient. Smaller chunks pass through the gradient of the parameters more often, which only pays if samples have far
// more values than the network has parameters.
template <class T>
size_t chunk_in_cache(const Network<T>& network, size_t threads, size_t chunk) {
  const size_t bytes = std::max(threads * tuning::thread_cache_bytes,
                                tuning::gradients_per_chunk * network.parameters().size() * sizeof(T));
  const size_t block = network.sample_block();
  const size_t groups = bytes / (Workspace<T>::sample_bytes(network) * threads * block);
  return std::min(std::max(groups, size_t(1)) * threads * block, chunk);
}

// Rows can be skipped if the source is sparse, as it lists the columns in use, and always for an embedding table. A
// table that fits in the cache with its optimiser state is faster to update whole.
template <class T>
bool can_defer(Network<T>& network, const OptimizerState<T>& state, const Source& inputs) {
  Layer<T>& first = network.layer(0);
  const size_t bytes = first.parameters().packed_size() * (1 + state.slots().size()) * sizeof(T);
  const bool large_table =
      first.parameter_rows() != nullptr && !first.traits().is_row_product && bytes > tuning::deferred_table_bytes;
  return (inputs.sparse() || large_table) && !first.traits().couples_parameters;
}

// Whether rows of parameters that no sample touches change all the same, by their penalty. The layer of these rows need
// not be the first one: a mask can be below an embedding.
template <class T>
bool penalizes_rows(Network<T>& network) {
  for (size_t i = 0; i < network.size(); ++i) {
    if (network.layer(i).parameter_rows() != nullptr) return network.layer(i).parameters().penalized();
  }
  return false;
}

}  // namespace

template <class T>
EpochPlan plan_epoch(Network<T>& network, const OptimizerState<T>& state, const Optimizer& optimizer,
                     const Source& inputs, const Loss& loss, const Shares& shares, const Ranks& ranks) {
  EpochPlan plan = {};
  const size_t share = shares.largest();
  const double work =
      double(share) * network.work(inputs.entries()) * 3 + double(network.parameter_count()) * tuning::update_work;
  plan.threads = threads_for(work);
  // An outside loss sees whole batches, so that what it computes does not depend on the number of threads. With other
  // ranks, the samples of a share go forward and back while the ranks before add up their gradients.
  plan.chunk = network.needs_whole_batch() || loss.outside != nullptr || !ranks.is_alone()
                   ? share
                   : chunk_in_cache(network, plan.threads, chunk_size(network, inputs, shares.batch_size()));
  plan.lowest = network.first_trainable();
  plan.fused = plan.chunk == shares.batch_size() && !optimizer.clips_norm() && ranks.is_alone();
  plan.zeros_count = !plan.fused || !optimizer.ignores_zero_gradients() || penalizes_rows(network);
  plan.defers = plan.zeros_count && plan.fused && can_defer(network, state, inputs);
  plan.overlaps = plan.fused && plan.chunk * Workspace<T>::sample_bytes(network) <= tuning::overlapping_bytes;
  return plan;
}

template EpochPlan plan_epoch<float>(Network<float>&, const OptimizerState<float>&, const Optimizer&, const Source&,
                                     const Loss&, const Shares&, const Ranks&);
template EpochPlan plan_epoch<double>(Network<double>&, const OptimizerState<double>&, const Optimizer&, const Source&,
                                      const Loss&, const Shares&, const Ranks&);

}  // namespace chainrule
