// The states that layers carry from one call to the next (LayerTraits::state_size): one row per sequence.
#pragma once

#include <vector>

#include "network/network.hpp"

namespace chainrule {

template <class T>
class States {
 public:
  // The states of all layers that have any, or only of those that carry them in training.
  enum class Which { all, stateful };

  States(const Network<T>& network, size_t sequences, Which which) {
    for (size_t i = 0; i < network.size(); ++i) {
      const Layer<T>& layer = network.layer(i);
      sizes_.push_back(which == Which::all || layer.traits().stateful ? layer.traits().state_size : 0);
      rows_.emplace_back(sequences * sizes_.back());
    }
  }

  // Makes these the states of the network's signals.
  void attach(std::vector<Signal<T>>& signals) {
    for (size_t i = 0; i < rows_.size(); ++i) {
      signals[i + 1].state = rows_[i].empty() ? nullptr : rows_[i].data();
      signals[i + 1].state_stride = sizes_[i];
    }
  }

  void reset() {
    for (AlignedArray<T>& rows : rows_) {
      if (!rows.empty()) std::memset(rows.data(), 0, rows.size() * sizeof(T));
    }
  }

 private:
  std::vector<size_t> sizes_;
  std::vector<AlignedArray<T>> rows_;
};

}  // namespace chainrule
