// The states that layers carry from one call to the next (LayerTraits::state_size): one row per sequence.
#pragma once

#include <vector>

#include "network/network.hpp"

namespace chainrule {

template <class T>
class States {
 public:
  // The states of the layers for which carries(index) is true.
  template <class Carries>
  States(const Network<T>& network, size_t sequences, Carries carries) : sequences_(sequences) {
    for (size_t i = 0; i < network.size(); ++i) {
      const LayerTraits traits = carries(i) ? network.layer(i).traits() : LayerTraits();
      const size_t stride = traits.state_size();
      layers_.push_back({traits.state_arrays, traits.state_width, stride, AlignedArray<T>(sequences * stride)});
    }
  }

  // Makes these the states of the network's signals.
  void attach(std::vector<Signal<T>>& signals) {
    for (size_t i = 0; i < layers_.size(); ++i) {
      signals[i + 1].state = layers_[i].rows.empty() ? nullptr : layers_[i].rows.data();
      signals[i + 1].state_stride = layers_[i].stride;
    }
  }

  void reset() {
    for (OfLayer& layer : layers_) {
      if (!layer.rows.empty()) std::memset(layer.rows.data(), 0, layer.rows.size() * sizeof(T));
    }
  }

  // The number of values of a sequence.
  size_t width() const {
    size_t width = 0;
    for (const OfLayer& layer : layers_) width += layer.arrays * layer.width;
    return width;
  }
  // All states, (sequences, width()) without gaps.
  void get(T* to) const {
    for_each_array([&](size_t layer, size_t at, size_t width) {
      std::memcpy(to, layers_[layer].rows.data() + at, width * sizeof(T));
      to += width;
    });
  }
  void set(const T* from) {
    for_each_array([&](size_t layer, size_t at, size_t width) {
      std::memcpy(layers_[layer].rows.data() + at, from, width * sizeof(T));
      from += width;
    });
  }

 private:
  struct OfLayer {
    size_t arrays, width, stride;
    AlignedArray<T> rows;
  };

  // Calls function(layer, index of an array among the layer's values, its width), sequence by sequence.
  template <class Function>
  void for_each_array(Function function) const {
    for (size_t sequence = 0; sequence < sequences_; ++sequence) {
      for (size_t i = 0; i < layers_.size(); ++i) {
        for (size_t array = 0; array < layers_[i].arrays; ++array) {
          const size_t at = sequence * layers_[i].stride + array * whole_panels(layers_[i].width);
          function(i, at, layers_[i].width);
        }
      }
    }
  }

  size_t sequences_;
  std::vector<OfLayer> layers_;
};

}  // namespace chainrule
