#include "data/sizes.hpp"

#include <algorithm>
#include <atomic>

#include "base/tuning.hpp"
#include "network/workspace.hpp"

namespace chainrule {

namespace {

std::atomic<double> work_per_thread{tuning::work_per_thread};

}  // namespace

size_t threads_for(double work) {
  const double worthwhile = work / work_per_thread;
  // The system is not asked for its processors where one thread is enough.
  return worthwhile < 2 ? 1 : size_t(std::min(worthwhile, double(max_threads())));
}

void set_work_per_thread(double work) { work_per_thread = work; }

template <class T>
size_t rows_in_memory(const Network<T>& network, const Source& inputs, size_t most) {
  // Two chunks of inputs, each with an index per value or with lists of about the same size.
  const size_t input_bytes = 2 * inputs.entries() * (sizeof(T) + sizeof(uint32_t));
  return std::clamp<size_t>(tuning::chunk_bytes / (Workspace<T>::sample_bytes(network) + input_bytes), 1, most);
}

template <class T>
size_t chunk_size(const Network<T>& network, const Source& inputs, size_t batch_size) {
  const size_t by_work = size_t(tuning::chunk_seconds * kernels<T>().speed / (3 * network.work(inputs.entries())));
  const size_t chunk = std::clamp<size_t>(by_work, 1, rows_in_memory(network, inputs, batch_size));
  // Whole groups of the samples that layers process together are the same ones, whatever this machine's speed.
  const size_t in_groups = std::max(chunk / network.sample_block(), size_t(1)) * network.sample_block();
  return chunk == batch_size ? batch_size : std::min(in_groups, batch_size);
}

template size_t rows_in_memory<float>(const Network<float>&, const Source&, size_t);
template size_t rows_in_memory<double>(const Network<double>&, const Source&, size_t);
template size_t chunk_size<float>(const Network<float>&, const Source&, size_t);
template size_t chunk_size<double>(const Network<double>&, const Source&, size_t);

}  // namespace chainrule
