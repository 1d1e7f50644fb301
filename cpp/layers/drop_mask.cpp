#include "layers/drop_mask.hpp"

#include <cmath>
#include <cstring>

namespace chainrule {

namespace {

struct ForDraws {};

// The first words of a stream, and some more.
const uint64_t* first_words(const RandomWords& words, size_t count) {
  constexpr size_t block_words = 4, group = RandomBlocks::blocks_at_once;
  const size_t blocks = (count + block_words - 1) / block_words;
  uint64_t* const drawn = scratch<uint64_t, ForDraws>((blocks + group - 1) / group * group * block_words);
  const auto& [k0, k1] = words.key();
  const auto& [c0, c1, c2, c3] = words.counter();
  kernel_table().random_blocks({.key = {k0, k1}, .counter = {c0, c1, c2, c3}, .blocks = blocks, .to = drawn});
  return drawn;
}

}  // namespace

void draw_mask(RandomWords words, double rate, int8_t* mask, size_t count) {
  const double scaled = 256 * rate, floor = std::floor(scaled);
  const auto limit = uint8_t(floor);
  const size_t word_count = (count + sizeof(uint64_t) - 1) / sizeof(uint64_t);
  // The lowest byte of a word is its first in memory.
  const auto* const bytes = reinterpret_cast<const uint8_t*>(first_words(words, word_count));
  for (size_t k = 0; k < count; ++k) mask[k] = bytes[k] >= limit ? -1 : 0;
  const uint8_t* const end = bytes + count;
  const auto next_tie = [&](const uint8_t* from) {
    return static_cast<const uint8_t*>(std::memchr(from, limit, size_t(end - from)));
  };
  const uint8_t* tie = next_tie(bytes);
  if (tie == nullptr) return;
  for (words.skip(word_count); tie != nullptr; tie = next_tie(tie + 1)) {
    mask[tie - bytes] = uniform(words.next()) >= scaled - floor ? -1 : 0;
  }
}

}  // namespace chainrule
