// Random words against NumPy's, normal numbers against known quantiles.
#include <algorithm>

#include "base/random.hpp"
#include "network/initializers.hpp"
#include "tests/check.hpp"

using namespace chainrule;
using namespace chainrule::tests;

int main() {
  // numpy.random.Philox(key=[7, 2], counter=[0, 3, 0, 0]).random_raw(5)
  const uint64_t known[] = {18433488244966777507U, 14597912321509443220U, 3378829942773633256U, 3486178929604669856U,
                            10799416666817565928U};
  RandomWords words(7, Purpose::shuffling, 3, 0);
  for (uint64_t word : known) expect(words.next() == word, "Philox word");
  for (size_t before = 0; before < 6; ++before) {
    for (size_t count = 0; count < 12; ++count) {
      RandomWords one_by_one(7, Purpose::shuffling, UINT64_MAX, 0), at_once = one_by_one;
      for (size_t i = 0; i < before; ++i) expect(one_by_one.next() == at_once.next(), "word before many");
      std::vector<uint64_t> words_at_once(count);
      at_once.fill(words_at_once);
      for (uint64_t word : words_at_once) expect(one_by_one.next() == word, "word of many");
      expect(one_by_one.next() == at_once.next(), "word after many");
    }
  }
  // numpy.random.Philox(key=[7, 2], counter=[0, 3, 0, 1]).random_raw(1)
  expect(RandomWords(7, Purpose::shuffling, 3, 0, 1).next() == 826788653463890742U, "Philox word of a part");

  const uint64_t half = uint64_t(1) << 63;
  expect_near(normal(half), 2.7831e-16, 1e-15, "median");
  expect_near(normal(uint64_t(0.975 * 0x1p64)), 1.959963984540054, 1e-14, "97.5 %");
  expect_near(normal(uint64_t(0.01 * 0x1p64)), -2.3263478740408408, 1e-14, "1 %");
  expect_near(normal(0), -8.209536151601387, 1e-14, "lowest");
  expect_near(normal(UINT64_MAX), 8.209536151601387, 1e-14, "highest");
  expect(uniform(0) == 0 && uniform(UINT64_MAX) < 1, "uniform");

  std::vector<int64_t> order = shuffled_order(1000, 5, 1);
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) expect(order[i] == int64_t(i), "permutation");
  expect(shuffled_order(0, 0, 0).empty(), "nothing to shuffle");

  const std::vector<double> w = initial_weights(Distribution::orthogonal, 6, 9, 2.0, 0, 0, 0);
  for (size_t i = 0; i < 6; ++i) {
    for (size_t j = 0; j < 6; ++j) {
      double dot = 0;
      for (size_t k = 0; k < 9; ++k) dot += w[i * 9 + k] * w[j * 9 + k];
      expect_near(dot, i == j ? 4.0 : 0.0, 1e-14, "orthogonal rows");
    }
  }
  return result();
}
