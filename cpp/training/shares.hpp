// How the samples of an epoch are divided: into batches, and each batch into shares of the ranks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "training/ranks.hpp"

namespace chainrule {

// A rank's share of a batch. The samples of an epoch have the positions 0, 1, ...; random numbers depend on these.
// Where a sample is among those that this rank has, in the order of the epoch, is its place.
struct Share {
  Range positions;
  size_t place;  // of the first sample
};

// The number of samples of each rank, if each has samples of its own. It is empty if all of them have the same ones.
using SamplesOfRanks = std::vector<size_t>;

// Throws std::invalid_argument if these are not of so many ranks, of which this one has `rows` samples.
void check_samples(const SamplesOfRanks& samples_of_ranks, const Ranks& ranks, size_t rows);
// Throws std::invalid_argument if the ranks cannot share out these samples in whole blocks: each of them but the last
// one needs a multiple of `block` samples, and so does a batch that is not all of them.
void check_blocks(const SamplesOfRanks& samples_of_ranks, size_t batch_size, size_t block);
// The number of samples of all ranks, of which this one has `rows`.
size_t samples_of_all(const SamplesOfRanks& samples_of_ranks, size_t rows);

class Shares {
 public:
  // This rank has `rows` samples. Ranks take whole blocks of `block` samples of a batch. If each rank has samples of
  // its own, the b blocks of a batch are shared out in proportion to the blocks that the ranks have left: the ranks
  // before one have l of all L, and take floor(b l / L + v) blocks. The v of the steps are spread evenly over [0, 1),
  // so that the samples of every rank are spread evenly over the epoch (the sequence of van der Corput: 0, 1/2, 1/4,
  // 3/4, ...).
  Shares(const Ranks& ranks, const SamplesOfRanks& samples_of_ranks, size_t rows, size_t batch_size, size_t block);

  size_t batch_size() const { return batch_size_; }
  // The positions of a step's batch, of which the last one may be short.
  Range batch(size_t step) const {
    const size_t begin = step * batch_size_;
    return {begin, std::min(begin + batch_size_, samples_)};
  }
  // This rank's share of it.
  Share share(size_t step) const {
    if (has_own_samples_) return own_shares_[step];
    const Range positions = ranks_.share(batch(step), block_);
    return {positions, positions.begin};
  }
  // The number of samples of the largest share.
  size_t largest() const;
  // The rows of this rank's samples, in the shuffled order of an epoch. Each part of the samples has an order of its
  // own.
  std::vector<int64_t> shuffled(uint64_t seed, uint64_t epoch) const;

 private:
  void share_own_samples(const SamplesOfRanks& samples_of_ranks);

  const Ranks& ranks_;
  bool has_own_samples_;
  size_t rows_, samples_, batch_size_, block_;
  std::vector<Share> own_shares_;  // of each step
};

}  // namespace chainrule
