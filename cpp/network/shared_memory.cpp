#include "network/shared_memory.hpp"

#include <algorithm>
#include <numeric>

namespace chainrule {

namespace {

// Per layer, the last layer that reads the signal above it. The output is read after all layers.
template <class T>
std::vector<size_t> last_readers(const Network<T>& network) {
  std::vector<size_t> readers;
  for (size_t i = 0; i < network.size(); ++i) {
    readers.push_back(i + 1);
    for (const size_t source : network.sources(i)) readers[source] = std::max(readers[source], i);
  }
  return readers;
}

// The free array that a signal fits in best: the smallest that is large enough, or else the largest.
std::vector<size_t>::iterator best_of(std::vector<size_t>& free, const std::vector<size_t>& strides, size_t stride) {
  const auto is_better = [&](size_t one, size_t other) {
    const bool fits = strides[one] >= stride, other_fits = strides[other] >= stride;
    if (fits != other_fits) return fits;
    return fits ? strides[one] < strides[other] : strides[one] > strides[other];
  };
  return std::min_element(free.begin(), free.end(), is_better);
}

}  // namespace

size_t SharedMemory::values() const { return std::accumulate(strides.begin(), strides.end(), size_t(0)); }

template <class T>
SharedMemory share_memory(const Network<T>& network) {
  const std::vector<size_t> readers = last_readers(network);
  SharedMemory memory;
  std::vector<size_t> free;
  for (size_t i = 0; i < network.size(); ++i) {
    const size_t stride = row_stride<T>(network.layer(i).outputs());
    if (free.empty()) {
      free.push_back(memory.strides.size());
      memory.strides.push_back(0);
    }
    const auto best = best_of(free, memory.strides, stride);
    memory.array_of.push_back(*best);
    memory.strides[*best] = std::max(memory.strides[*best], stride);
    free.erase(best);
    for (size_t below = 0; below < i; ++below) {
      if (readers[below] == i) free.push_back(memory.array_of[below]);
    }
  }
  return memory;
}

template SharedMemory share_memory(const Network<float>&);
template SharedMemory share_memory(const Network<double>&);

}  // namespace chainrule
