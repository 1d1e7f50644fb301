// Mixed precision: the rounding to bfloat16 of every kind of number, and products in their documented order of
// operations, with shapes of every kind of remainder.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <vector>

#include "base/aligned.hpp"
#include "base/random.hpp"
#include "kernels/table.hpp"
#include "tests/check.hpp"

namespace chainrule::tests {

struct KernelsOfMixed {
  const MixedKernels<float>& factors;
  void (*forward)(const Forward<float>&);
  void (*weight_gradient)(const WeightGradient<float>&);
};

inline uint32_t rounded(uint32_t bits) {
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude < 0x00800000) return bits & 0x80000000;
  if (magnitude > 0x7f800000) return (bits | 0x00400000) & 0xffff0000;
  const uint32_t below = bits & 0xffff0000, rest = bits & 0xffff;
  const bool up = rest > 0x8000 || (rest == 0x8000 && (bits & 0x10000) != 0);
  return up ? below + 0x10000 : below;
}

inline float rounded(float value) { return std::bit_cast<float>(rounded(std::bit_cast<uint32_t>(value))); }

// Every bfloat16, with what is cut off by the rounding.
inline void test_rounding(const KernelsOfMixed& kernels) {
  const uint32_t low[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
  const size_t size = std::size(low) << 16, rows = size / panel_width;
  AlignedArray<uint32_t> bits(size);
  for (size_t i = 0; i < size; ++i) bits.data()[i] = uint32_t(i / std::size(low)) << 16 | low[i % std::size(low)];
  AlignedArray<float> values(size);
  std::memcpy(values.data(), bits.data(), size * sizeof(float));
  AlignedArray<uint16_t> pairs(paired_size(rows));
  kernels.factors.pair({values.data(), 0, panel_width, rows, pairs.data(), {0, 1}});
  size_t wrong = 0;
  for (size_t i = 0; i < size; ++i) {
    const size_t row = i / panel_width, at = row / 2 * 2 * panel_width + i % panel_width * 2 + row % 2;
    wrong += uint32_t(pairs.data()[at]) << 16 != rounded(bits.data()[i]);
  }
  expect(wrong == 0, "rounding to bfloat16");
}

inline AlignedArray<float> random_numbers(size_t size, uint64_t seed) {
  AlignedArray<float> numbers(size + panel_width);
  RandomWords words(seed, Purpose::weights, 0, 0);
  for (size_t i = 0; i < size; ++i) numbers.data()[i] = float(2 * uniform(words.next()) - 1);
  return numbers;
}

inline float expected_sum(const float* a, size_t a_inner, const float* b, size_t inner, float start) {
  for (size_t begin = 0; begin < inner; begin += pair_block) {
    float chains[2] = {};
    for (size_t k = begin; k < inner && k < begin + pair_block; ++k) {
      chains[k % 2] = std::fma(rounded(a[k * a_inner]), rounded(b[k * panel_width]), chains[k % 2]);
    }
    start += chains[0] + chains[1];
  }
  return start;
}

struct MixedShape {
  Range rows;
  size_t inner, panels;
};

// A product with its factors: A in rows, or with adjacent rows as in a weight gradient.
struct MixedProduct {
  MixedProduct(const KernelsOfMixed& kernels, const MixedShape& shape, bool by_rows)
      : stride(((by_rows ? shape.inner : shape.rows.end) + 15) / 16 * 16),
        a(random_numbers((by_rows ? shape.rows.end : shape.inner) * stride, 1)),
        b(random_numbers(shape.panels * shape.inner * panel_width, 2)),
        c(random_numbers(shape.rows.end * shape.panels * panel_width, 3)),
        pairs(shape.panels * paired_size(shape.inner)),
        memory(factor_memory(shape.rows.size(), shape.inner)),
        a_row(by_rows ? stride : 1),
        a_inner(by_rows ? 1 : stride) {
    const size_t panel = shape.inner * panel_width;
    kernels.factors.pair({b.data(), panel, panel_width, shape.inner, pairs.data(), {0, shape.panels}});
    product = {.a = a.data(),
               .a_row = a_row,
               .a_inner = a_inner,
               .b = nullptr,
               .b_panel = paired_size(shape.inner),
               .b_inner = 0,
               .c = c.data(),
               .c_row = panel_width,
               .c_panel = shape.rows.end * panel_width,
               .inner = shape.inner,
               .rows = shape.rows,
               .panels = {0, shape.panels},
               .b_pairs = pairs.data()};
    kernels.factors.take_factors(product, memory.data());
  }

  // Whether C has the sums that begin as start(place, column), after end(place, sum). C is laid out as weights.
  template <class Start, class End>
  void expect_sums(Start start, End end, const AlignedArray<float>& got, const char* what) const {
    size_t wrong = 0;
    for (size_t row = product.rows.begin; row < product.rows.end; ++row) {
      for (size_t j = 0; j < product.panels.end * panel_width; ++j) {
        const size_t at = row * product.c_row + j / panel_width * product.c_panel + j % panel_width;
        const float* column = b.data() + j / panel_width * product.inner * panel_width + j % panel_width;
        const float sum = expected_sum(a.data() + row * a_row, a_inner, column, product.inner, start(at, j));
        wrong += got.data()[at] != end(at, sum);
      }
    }
    expect(wrong == 0, what);
  }

  size_t stride;
  AlignedArray<float> a, b, c;
  AlignedArray<uint16_t> pairs;
  AlignedArray<float> memory;
  size_t a_row, a_inner;
  Product<float> product = {};
};

inline void test_products(const KernelsOfMixed& kernels, const MixedShape& shape) {
  const AlignedArray<float> bias = random_numbers(shape.panels * panel_width, 4);
  const auto same = [](size_t, float sum) { return sum; };
  MixedProduct forward(kernels, shape, true);
  kernels.forward({forward.product, bias.data(), Activation::identity, forward.c.data()});
  forward.expect_sums([&](size_t, size_t j) { return bias.data()[j]; }, same, forward.c, "forward product");

  MixedProduct gradient(kernels, shape, false);
  const AlignedArray<float> before = gradient.c;
  kernels.weight_gradient({.product = gradient.product, .accumulate = true});
  gradient.expect_sums([&](size_t at, size_t) { return before.data()[at]; }, same, gradient.c, "weight gradient");

  for (const Rule rule : {Rule::sgd, Rule::momentum}) {
    StepSettings<float> settings = {};
    settings.rule = rule;
    settings.rate = 0.5f;
    settings.scale = 1;
    AlignedArray<float> weights = before, velocity(before.size());
    kernels.weight_gradient({.product = gradient.product,
                             .update = &settings,
                             .parameters = {.values = weights.data(), .slots = {velocity.data()}}});
    gradient.expect_sums([](size_t, size_t) { return 0.0f; },
                         [&](size_t at, float sum) { return std::fma(-0.5f, sum, before.data()[at]); }, weights,
                         "update of weights");
  }
}

inline void test_transposed(const KernelsOfMixed& kernels, size_t inputs, size_t outputs) {
  const size_t panels = (outputs + 15) / 16;
  AlignedArray<float> weights = random_numbers(panels * inputs * panel_width, 5);
  const auto weight = [&](size_t k, size_t j) -> float& {
    return weights.data()[(j / panel_width * inputs + k) * panel_width + j % panel_width];
  };
  for (size_t k = 0; k < inputs; ++k) {
    for (size_t j = outputs; j < panels * panel_width; ++j) weight(k, j) = 0;
  }
  AlignedArray<uint16_t> pairs((inputs + 15) / 16 * paired_size(outputs));
  kernels.factors.transpose_pairs(weights.data(), inputs, outputs, {0, panels}, pairs.data());
  size_t wrong = 0;
  for (size_t k = 0; k < (inputs + 15) / 16 * 16; ++k) {
    for (size_t j = 0; j < whole_blocks(outputs); ++j) {
      const size_t at = k / 16 * paired_size(outputs) + j / 2 * 32 + k % 16 * 2 + j % 2;
      const float expected = k < inputs && j < outputs ? rounded(weight(k, j)) : 0.0f;
      wrong += std::bit_cast<float>(uint32_t(pairs.data()[at]) << 16) != expected;
    }
  }
  expect(wrong == 0, "pairs of transposed weights");
}

// An image of `channels` in which windows of rows by columns move by `step`.
struct WindowShape {
  size_t height, width, channels, rows, columns, step;
};

// Windows as factors give what their values give as rows of A, and as vectors of B.
inline void test_windows(const KernelsOfMixed& kernels, const WindowShape& shape, const Range& places) {
  const size_t row = shape.width * shape.channels, run = shape.columns * shape.channels, inner = shape.rows * run;
  const AlignedArray<float> image = random_numbers(shape.height * row, 6);
  std::vector<uint32_t> runs;
  for (size_t y = 0; y < shape.rows; ++y) runs.push_back(uint32_t(y * row));
  AlignedArray<float> buffer(window_buffer(inner));
  const Windows<float> windows = {.image = image.data(),
                                  .down = shape.step * row,
                                  .right = shape.step * shape.channels,
                                  .width = (shape.width - shape.columns) / shape.step + 1,
                                  .runs = runs.data(),
                                  .run_count = runs.size(),
                                  .run = run,
                                  .places = places,
                                  .buffer = buffer.data()};
  const size_t panels = (inner + panel_width - 1) / panel_width, stride = panels * panel_width, count = places.size();
  AlignedArray<float> values(count * stride + panel_width);
  for (size_t i = 0; i < count; ++i) {
    const size_t place = places.begin + i;
    const float* from = image.data() + place / windows.width * windows.down + place % windows.width * windows.right;
    for (size_t k = 0; k < inner; ++k) values.data()[i * stride + k] = from[k / run * row + k % run];
  }

  MixedProduct rows(kernels, {{0, count}, inner, 2}, true), taken(kernels, {{0, count}, inner, 2}, true);
  rows.product.a = values.data();
  rows.product.a_row = stride;
  kernels.factors.take_factors(rows.product, rows.memory.data());
  kernels.factors.take_windows(taken.product, windows, taken.memory.data());
  const AlignedArray<float> bias(2 * panel_width);
  kernels.forward({rows.product, bias.data(), Activation::identity, rows.c.data()});
  kernels.forward({taken.product, bias.data(), Activation::identity, taken.c.data()});
  expect(std::memcmp(rows.c.data(), taken.c.data(), rows.c.size() * sizeof(float)) == 0, "windows as rows of A");

  for (const Range some : {Range{0, panels}, Range{panels - 1, panels}, Range{panels / 2, panels}}) {
    const size_t size = some.size() * paired_size(count);
    AlignedArray<uint16_t> pairs(size), expected(size);
    kernels.factors.pair_windows(windows, some, pairs.data());
    kernels.factors.pair(
        {values.data() + some.begin * panel_width, panel_width, stride, count, expected.data(), {0, some.size()}});
    expect(std::memcmp(pairs.data(), expected.data(), size * sizeof(uint16_t)) == 0, "windows as pairs of B");
  }
}

inline void test_mixed(const KernelsOfMixed& kernels) {
  test_rounding(kernels);
  for (const Range rows : {Range{0, 1}, Range{0, 6}, Range{4, 17}, Range{8, 45}, Range{0, 70}}) {
    for (const size_t inner : {1UL, 2UL, 31UL, 32UL, 33UL, 75UL}) {
      for (const size_t panels : {1UL, 2UL, 3UL, 7UL}) test_products(kernels, {rows, inner, panels});
    }
  }
  for (const WindowShape& shape :
       {WindowShape{9, 8, 1, 5, 5, 1}, WindowShape{6, 9, 3, 2, 4, 2}, WindowShape{5, 5, 16, 3, 3, 1},
        WindowShape{7, 4, 32, 2, 3, 1}, WindowShape{3, 40, 20, 1, 1, 1}, WindowShape{1, 9, 64, 1, 2, 1}}) {
    const size_t columns = (shape.width - shape.columns) / shape.step + 1;
    const size_t places = ((shape.height - shape.rows) / shape.step + 1) * columns;
    for (const Range part : {Range{0, places}, Range{0, 1}, Range{1, places}, Range{places / 2, places}}) {
      test_windows(kernels, shape, part);
    }
  }
  for (const size_t inputs : {1UL, 15UL, 16UL, 17UL, 40UL}) {
    for (const size_t outputs : {1UL, 16UL, 31UL, 50UL}) test_transposed(kernels, inputs, outputs);
  }
}

}  // namespace chainrule::tests
