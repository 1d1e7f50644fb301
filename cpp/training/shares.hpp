// How the samples of an epoch are divided: into batches, and each batch into shares of the ranks.
#pragma once

#include <algorithm>

#include "training/ranks.hpp"

namespace chainrule {

// A rank's share of a batch. The samples of an epoch have the positions 0, 1, ...; random numbers depend on these.
// Where a sample is among those that this rank has, in the order of the epoch, is its place.
struct Share {
  Range positions;
  size_t place;  // of the first sample
};

class Shares {
 public:
  // Ranks take whole blocks of `block` samples of a batch.
  Shares(const Ranks& ranks, size_t samples, size_t batch_size, size_t block)
      : ranks_(ranks), samples_(samples), batch_size_(std::min(batch_size, samples)), block_(block) {}

  size_t batch_size() const { return batch_size_; }
  // The positions of a step's batch, of which the last one may be short.
  Range batch(size_t step) const {
    const size_t begin = step * batch_size_;
    return {begin, std::min(begin + batch_size_, samples_)};
  }
  // This rank's share of it.
  Share share(size_t step) const {
    const Range positions = ranks_.share(batch(step), block_);
    return {positions, positions.begin};
  }
  // The number of samples of the largest share.
  size_t largest() const { return ranks_.largest_share(batch_size_, block_); }

 private:
  const Ranks& ranks_;
  size_t samples_, batch_size_, block_;
};

}  // namespace chainrule
