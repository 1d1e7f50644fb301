// Which values are dropped at random: what dropout's layers have in common.
#pragma once

#include "base/random.hpp"
#include "layers/layer.hpp"
#include "layers/scratch.hpp"

namespace chainrule {

// The random words of a sample in a layer, keyed by its position in the epoch, the epoch, the layer, and the part of
// the layer that draws.
inline RandomWords words_of(size_t sample, size_t layer, Purpose purpose, const Pass& pass, size_t part = 0) {
  constexpr uint64_t layers_per_epoch = 4096;
  return RandomWords(pass.seed, purpose, pass.position + sample, pass.epoch * layers_per_epoch + layer, part);
}

// Draws a mask: 0 with probability `rate`, else -1. Each value has a byte of the words. It is dropped if the byte is
// less than 256 rate; where the two are less than one apart, one more word decides, so that the probability is exact.
void draw_mask(RandomWords words, double rate, int8_t* mask, size_t count);

// The factor of the values that are not dropped, which keeps the mean.
template <class T>
T kept_factor(double rate) {
  return T(1 / (1 - rate));
}

// The same as factors: 0, or what keeps the mean.
template <class T>
void draw_factors(RandomWords words, double rate, T* factors, size_t count) {
  struct ForMask {};
  int8_t* const mask = scratch<int8_t, ForMask>(count);
  draw_mask(words, rate, mask, count);
  for (size_t k = 0; k < count; ++k) factors[k] = mask[k] != 0 ? kept_factor<T>(rate) : T(0);
}

}  // namespace chainrule
