#include "layers/drop_mask.hpp"

#include <cmath>
#include <cstring>

namespace chainrule {

void draw_mask(RandomWords words, double rate, int8_t* mask, size_t count) {
  const double scaled = 256 * rate, floor = std::floor(scaled);
  const auto limit = uint8_t(floor);
  const size_t word_count = (count + sizeof(uint64_t) - 1) / sizeof(uint64_t);
  struct ForBytes {};
  uint64_t* const drawn = scratch<uint64_t, ForBytes>(word_count);
  words.fill({drawn, word_count});
  // The lowest byte of a word is its first in memory.
  const auto* const bytes = reinterpret_cast<const uint8_t*>(drawn);
  for (size_t k = 0; k < count; ++k) mask[k] = bytes[k] >= limit ? -1 : 0;
  const uint8_t* const end = bytes + count;
  const auto next_tie = [&](const uint8_t* from) {
    return static_cast<const uint8_t*>(std::memchr(from, limit, size_t(end - from)));
  };
  for (const uint8_t* tie = next_tie(bytes); tie != nullptr; tie = next_tie(tie + 1)) {
    mask[tie - bytes] = uniform(words.next()) >= scaled - floor ? -1 : 0;
  }
}

}  // namespace chainrule
