// Random words that depend on their key alone: Philox 4x64-10 (Salmon et al. 2011). They are the same as those of
// numpy.random.Philox(key=[seed, purpose], counter=[0, b, c, d]).random_raw.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace chainrule {

enum class Purpose : uint64_t {
  weights = 1,
  shuffling = 2,
  input_noise = 3,
  dropout = 4,
  layer_noise = 5,
  augmentation = 6
};

class RandomWords {
 public:
  RandomWords(uint64_t seed, Purpose purpose, uint64_t b, uint64_t c, uint64_t d = 0);
  uint64_t next() {
    if (used_ == words_.size()) {
      words_ = next_block();
      used_ = 0;
    }
    return words_[used_++];
  }
  // The next words, as `next` gives them one by one. Many at once take less time.
  void fill(std::span<uint64_t> to);

 private:
  using Block = std::array<uint64_t, 4>;

  Block next_block();

  std::array<uint64_t, 2> key_;
  Block counter_;
  Block words_ = {};
  size_t used_ = 4;
};

// In [0, 1).
inline double uniform(uint64_t word) { return double(word >> 11) * 0x1p-53; }
// The inverse of the normal distribution at the middle of the word's 2^-52: Wichura 1988, algorithm AS 241 (PPND16).
double normal(uint64_t word);

// Fisher-Yates over 0 ... samples - 1. Each part of an epoch's samples can have an order of its own.
std::vector<int64_t> shuffled_order(size_t samples, uint64_t seed, uint64_t epoch, uint64_t part = 0);

}  // namespace chainrule
