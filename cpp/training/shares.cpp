#include "training/shares.hpp"

#include <numeric>
#include <stdexcept>
#include <string>

#include "base/random.hpp"

namespace chainrule {

namespace {

// The number whose bits are those of another one in reverse.
size_t reversed(uint16_t number) {
  size_t result = 0;
  for (size_t bit = 0; bit < 16; ++bit) result |= size_t(number >> bit & 1) << (15 - bit);
  return result;
}

}  // namespace

size_t samples_of_all(const SamplesOfRanks& samples_of_ranks, size_t rows) {
  if (samples_of_ranks.empty()) return rows;
  return std::accumulate(samples_of_ranks.begin(), samples_of_ranks.end(), size_t(0));
}

void check_samples(const SamplesOfRanks& samples_of_ranks, const Ranks& ranks, size_t rows) {
  if (samples_of_ranks.empty()) return;
  if (samples_of_ranks.size() != ranks.size() || samples_of_ranks[ranks.rank()] != rows) {
    throw std::invalid_argument("samples_of_ranks must have a number for each of the " + std::to_string(ranks.size()) +
                                " ranks, and here that of X, " + std::to_string(rows));
  }
}

void check_blocks(const SamplesOfRanks& samples_of_ranks, size_t batch_size, size_t block) {
  if (samples_of_ranks.size() <= 1) return;
  const auto is_whole = [&](size_t number) { return number % block == 0; };
  if (!std::all_of(samples_of_ranks.begin(), samples_of_ranks.end() - 1, is_whole)) {
    throw std::invalid_argument("ranks but the last one must have a multiple of " + std::to_string(block) + " samples");
  }
  if (!is_whole(batch_size) && batch_size < samples_of_all(samples_of_ranks, 0)) {
    throw std::invalid_argument("batches must have a multiple of " + std::to_string(block) + " samples, got " +
                                std::to_string(batch_size));
  }
}

Shares::Shares(const Ranks& ranks, const SamplesOfRanks& samples_of_ranks, size_t rows, size_t batch_size, size_t block)
    : ranks_(ranks),
      has_own_samples_(samples_of_ranks.size() > 1),
      rows_(rows),
      samples_(samples_of_all(samples_of_ranks, rows)),
      batch_size_(std::min(batch_size, samples_)),
      block_(block) {
  if (has_own_samples_) share_own_samples(samples_of_ranks);
}

// A block that is not full is the last one of the last rank, and is left over for the last batch.
void Shares::share_own_samples(const SamplesOfRanks& samples_of_ranks) {
  std::vector<size_t> left;
  for (const size_t samples : samples_of_ranks) left.push_back(samples / block_);
  size_t all_left = std::accumulate(left.begin(), left.end(), size_t(0)), place = 0;
  for (size_t step = 0; step * batch_size_ < samples_; ++step) {
    const Range positions = batch(step);
    const size_t blocks = positions.size() / block_, offset = all_left * reversed(uint16_t(step)) >> 16;
    size_t begin = 0, left_before = 0;
    for (size_t rank = 0; rank < left.size(); ++rank) {
      left_before += left[rank];
      const size_t end = all_left == 0 ? 0 : (blocks * left_before + offset) / all_left;
      if (rank == ranks_.rank()) {
        const size_t end_position = ranks_.is_last() ? positions.end : positions.begin + end * block_;
        own_shares_.push_back({{positions.begin + begin * block_, end_position}, place});
        place += own_shares_.back().positions.size();
      }
      left[rank] -= end - begin;
      begin = end;
    }
    all_left -= blocks;
  }
}

size_t Shares::largest() const {
  if (!has_own_samples_) return ranks_.largest_share(batch_size_, block_);
  size_t largest = 0;
  for (const Share& share : own_shares_) largest = std::max(largest, share.positions.size());
  return largest;
}

std::vector<int64_t> Shares::shuffled(uint64_t seed, uint64_t epoch) const {
  return shuffled_order(rows_, seed, epoch, has_own_samples_ ? ranks_.rank() : 0);
}

}  // namespace chainrule
