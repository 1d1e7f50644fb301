#include "network/shared_memory.hpp"

#include <algorithm>
#include <numeric>

namespace chainrule {

template <class T>
std::vector<size_t> last_readers(const Network<T>& network) {
  std::vector<size_t> readers;
  for (size_t i = 0; i < network.size(); ++i) {
    readers.push_back(i + 1);
    for (const size_t source : network.sources(i)) readers[source] = std::max(readers[source], i);
  }
  return readers;
}

namespace {

// Takes the free array that a signal fits in best: the smallest that is large enough, or else the largest, which grows.
// If none is free, there is a new one.
size_t take(std::vector<size_t>& free, std::vector<size_t>& strides, size_t stride) {
  if (free.empty()) {
    strides.push_back(stride);
    return strides.size() - 1;
  }
  const auto best = std::min_element(free.begin(), free.end(), [&](size_t one, size_t other) {
    const bool fits = strides[one] >= stride, other_fits = strides[other] >= stride;
    if (fits != other_fits) return fits;
    return fits ? strides[one] < strides[other] : strides[one] > strides[other];
  });
  const size_t taken = *best;
  free.erase(best);
  strides[taken] = std::max(strides[taken], stride);
  return taken;
}

}  // namespace

size_t SharedMemory::values() const { return std::accumulate(strides.begin(), strides.end(), size_t(0)); }

template <class T>
SharedMemory share_memory(const Network<T>& network) {
  const std::vector<size_t> readers = last_readers(network);
  SharedMemory memory;
  std::vector<size_t> free;
  for (size_t i = 0; i < network.size(); ++i) {
    const bool is_last_reader = i > 0 && readers[i - 1] == i;
    if (is_last_reader && network.layer(i).traits().predicts_in_place) {
      memory.array_of.push_back(memory.array_of[i - 1]);
    } else {
      memory.array_of.push_back(take(free, memory.strides, row_stride<T>(network.layer(i).outputs())));
    }
    for (size_t below = 0; below < i; ++below) {
      const bool is_written_over = memory.array_of[below] == memory.array_of[i];
      if (readers[below] == i && !is_written_over) free.push_back(memory.array_of[below]);
    }
  }
  return memory;
}

template std::vector<size_t> last_readers(const Network<float>&);
template std::vector<size_t> last_readers(const Network<double>&);
template SharedMemory share_memory(const Network<float>&);
template SharedMemory share_memory(const Network<double>&);

}  // namespace chainrule
