// The memory that an epoch works in. Small networks would spend a good part of an epoch on allocating and clearing it,
// so callers keep it from one epoch to the next.
#pragma once

#include <memory>
#include <vector>

#include "network/states.hpp"
#include "network/workspace.hpp"
#include "training/chunk.hpp"
#include "training/epoch_plan.hpp"

namespace chainrule {

// Everything that the arrays of an epoch's workspace depend on.
struct EpochWorkspaceKey {
  EpochWorkspaceKey(const EpochPlan& plan, const Data& data);
  bool operator==(const EpochWorkspaceKey& other) const;

  Source inputs;
  Columns columns;
  size_t capacity, threads, workspaces, lowest;
  bool fused, weighs_outputs;
};

template <class T>
struct EpochWorkspace {
  EpochWorkspace(const Network<T>& network, const EpochWorkspaceKey& for_key);

  EpochWorkspaceKey key;
  // Of a step and of the next one. Both have the same signals unless steps overlap.
  std::vector<Chunk<T>> chunks;
  std::vector<Workspace<T>> workspaces;
  std::vector<Signal<T>> signals[2];
  States<T> states;                                                // of stateful layers
  std::vector<std::unique_ptr<NonZeroLists<T>>> activation_lists;  // one per hidden layer; null: it is not searched
  AlignedArray<T> gradient;                                        // empty if updates are fused

 private:
  void make_activation_lists(const Network<T>& network);
};

}  // namespace chainrule
