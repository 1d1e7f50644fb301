// How much work is done at a time: by how many threads, and on how many samples.
#pragma once

#include "data/source.hpp"
#include "network/network.hpp"

namespace chainrule {

// The number of threads that so many multiply-adds between two barriers justify.
size_t threads_for(double work);
// For tests, which need many threads for little work.
void set_work_per_thread(double work);

// How many samples, up to `most`, fit into the memory of a chunk.
template <class T>
size_t rows_in_memory(const Network<T>& network, const Source& inputs, size_t most);

// The samples of a chunk in training: bounded memory, and a bounded time between two polls.
template <class T>
size_t chunk_size(const Network<T>& network, const Source& inputs, size_t batch_size);

}  // namespace chainrule
