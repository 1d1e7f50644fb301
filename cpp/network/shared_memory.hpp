// Which signals of a prediction share memory. The memory of a signal is free again after the last layer that reads it,
// so that most networks take turns with two arrays, which stay in the cache.
#pragma once

#include <vector>

#include "network/network.hpp"

namespace chainrule {

// Per layer, the last layer that reads the signal above it. The output is read after all layers.
template <class T>
std::vector<size_t> last_readers(const Network<T>& network);

struct SharedMemory {
  // The array of the signal above each layer.
  std::vector<size_t> array_of;
  // The values of a sample in each array.
  std::vector<size_t> strides;

  // Those in all arrays.
  size_t values() const;
};

template <class T>
SharedMemory share_memory(const Network<T>& network);

}  // namespace chainrule
