#include "training/epoch_workspace.hpp"

#include <algorithm>

#include "base/tuning.hpp"

namespace chainrule {

EpochWorkspaceKey::EpochWorkspaceKey(const EpochPlan& plan, const Data& data)
    : inputs(data.inputs),
      columns(plan.zeros_count && !plan.defers ? Columns::all : Columns::filled),
      capacity(plan.chunk),
      threads(plan.threads),
      workspaces(plan.overlaps ? 2 : 1),
      lowest(plan.lowest),
      fused(plan.fused),
      weighs_outputs(data.step_weights != nullptr) {}

bool EpochWorkspaceKey::operator==(const EpochWorkspaceKey& other) const {
  const bool same_inputs = inputs.data == other.inputs.data && inputs.element == other.inputs.element &&
                           inputs.rows == other.inputs.rows && inputs.columns == other.inputs.columns &&
                           inputs.indices == other.inputs.indices && inputs.entries() == other.inputs.entries();
  return same_inputs && columns == other.columns && capacity == other.capacity && threads == other.threads &&
         workspaces == other.workspaces && lowest == other.lowest && fused == other.fused &&
         weighs_outputs == other.weighs_outputs;
}

template <class T>
EpochWorkspace<T>::EpochWorkspace(const Network<T>& network, const EpochWorkspaceKey& for_key)
    : key(for_key),
      states(network, key.capacity, [&](size_t layer) { return network.layer(layer).traits().stateful; }) {
  for (size_t i = 0; i < 2; ++i) {
    chunks.emplace_back(key.inputs, key.capacity, network.outputs(), key.columns, key.threads, key.weighs_outputs);
    if (i < key.workspaces) workspaces.emplace_back(network, key.capacity, Workspace<T>::Purpose::training);
    signals[i] = workspaces.back().signals();
    states.attach(signals[i]);
  }
  make_activation_lists(network);
  if (!key.fused) gradient = AlignedArray<T>(network.parameters().size());
}

template <class T>
void EpochWorkspace<T>::make_activation_lists(const Network<T>& network) {
  const size_t group = kernels<T>().listed_rows;
  for (size_t i = 0; i + 1 < network.size(); ++i) {
    const Layer<T>& layer = network.layer(i);
    const Layer<T>& above = network.layer(i + 1);
    const bool products = layer.traits().is_row_product && above.traits().is_row_product;
    // The activations enter the layer above, and the deltas the one below.
    const size_t neighbours = std::max(above.outputs(), i > key.lowest ? layer.inputs() : 0);
    const bool large = std::min(layer.outputs(), neighbours) >= tuning::fewest_listed_units;
    const bool lists = products && layer.activation() == Activation::relu && large && key.capacity >= 2 * group;
    activation_lists.push_back(
        lists ? std::make_unique<NonZeroLists<T>>(key.capacity, layer.outputs(), group, Columns::none, key.threads)
              : nullptr);
  }
}

template struct EpochWorkspace<float>;
template struct EpochWorkspace<double>;

}  // namespace chainrule
