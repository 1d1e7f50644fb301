// What layers carry from one call to the next (Layer::state_size): a row for each of the sequences that are read side
// by side.
#pragma once

#include <vector>

#include "network/network.hpp"

namespace chainrule {

template <class T>
class States {
 public:
  // Of all layers that can carry any, or only of those that do so in training.
  enum class Which { all, stateful };

  States(const Network<T>& network, size_t sequences, Which which) {
    for (size_t i = 0; i < network.size(); ++i) {
      const Layer<T>& layer = network.layer(i);
      sizes_.push_back(which == Which::all || layer.stateful() ? layer.state_size() : 0);
      rows_.emplace_back(sequences * sizes_.back());
    }
  }

  // Signals of the network carry these from now on.
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
