// The kernels against scalar loops in long double, with shapes of every kind of remainder.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/aligned.hpp"
#include "base/random.hpp"
#include "layers/dense.hpp"
#include "network/network.hpp"
#include "tests/check.hpp"
#include "training/losses.hpp"

using namespace chainrule;
using namespace chainrule::tests;

namespace {

template <class T>
AlignedArray<T> random_array(size_t size, uint64_t seed) {
  AlignedArray<T> array(size);
  RandomWords words(seed, Purpose::weights, 0, 0);
  for (size_t i = 0; i < size; ++i) array.data()[i] = T(2 * uniform(words.next()) - 1);
  return array;
}

template <class T>
struct Case {
  size_t samples, inputs, outputs;
  size_t below = (inputs + 15) / 16 * 16, above = (outputs + 15) / 16 * 16;
  AlignedArray<T> plain = random_array<T>(inputs * outputs + outputs, 1);
  AlignedArray<T> x = random_array<T>(samples * below, 2);
  AlignedArray<T> z{samples * above}, a{samples * above}, delta{samples * above}, below_delta{samples * below};

  T w(size_t k, size_t j) const { return plain.data()[k * outputs + j]; }
  Signal<T> signal_below() {
    return {.size = inputs,
            .stride = below,
            .pre_activations = x.data(),
            .activations = x.data(),
            .deltas = below_delta.data()};
  }
  Signal<T> signal_above() {
    return {
        .size = outputs, .stride = above, .pre_activations = z.data(), .activations = a.data(), .deltas = delta.data()};
  }
};

template <class T>
void expect_outputs(const Case<T>& c, double tolerance) {
  const size_t samples = c.samples, inputs = c.inputs, outputs = c.outputs;
  for (size_t i = 0; i < samples; ++i) {
    for (size_t j = 0; j < outputs; ++j) {
      long double sum = c.plain.data()[inputs * outputs + j];
      for (size_t k = 0; k < inputs; ++k) sum += (long double)c.x.data()[i * c.below + k] * c.w(k, j);
      expect_near(double(c.a.data()[i * c.above + j]), double(sum), tolerance, "forward");
    }
    for (size_t k = 0; k < inputs; ++k) {
      long double sum = 0;
      for (size_t j = 0; j < outputs; ++j) sum += (long double)c.delta.data()[i * c.above + j] * c.w(k, j);
      expect_near(double(c.below_delta.data()[i * c.below + k]), double(sum), tolerance, "input gradient");
    }
  }
}

template <class T>
void expect_gradient(const Case<T>& c, const T* gradient, double tolerance) {
  const size_t samples = c.samples, inputs = c.inputs, outputs = c.outputs;
  for (size_t j = 0; j < outputs; ++j) {
    long double bias = 0;
    for (size_t i = 0; i < samples; ++i) bias += (long double)c.delta.data()[i * c.above + j];
    expect_near(double(gradient[inputs * outputs + j]), double(bias), tolerance, "bias gradient");
    for (size_t k = 0; k < inputs; ++k) {
      long double sum = 0;
      for (size_t i = 0; i < samples; ++i) {
        sum += (long double)c.x.data()[i * c.below + k] * c.delta.data()[i * c.above + j];
      }
      expect_near(double(gradient[k * outputs + j]), double(sum), tolerance, "weight gradient");
    }
  }
}

template <class T>
void test_dense(size_t samples, size_t inputs, size_t outputs) {
  const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-13;
  Case<T> c = {samples, inputs, outputs};
  Dense<T> layer(inputs, outputs, {Activation::identity, 0, 0, 0});
  AlignedArray<T> packed(layer.parameters().packed_size());
  layer.parameters().pack(c.plain.data(), packed.data());
  layer.bind(packed.data(), nullptr);
  AlignedArray<T> back(c.plain.size());
  layer.parameters().unpack(packed.data(), back.data());
  for (size_t i = 0; i < back.size(); ++i) expect(back.data()[i] == c.plain.data()[i], "pack and unpack");

  const Signal<T> below = c.signal_below();
  const Signal<T> above = c.signal_above();
  for (size_t i = 0; i < samples; ++i) {
    for (size_t j = 0; j < outputs; ++j) c.delta.data()[i * c.above + j] = T(0.01) * T(int(i * 7 + j * 3) % 19 - 9);
  }
  AlignedArray<T> gradient(layer.parameters().packed_size());
  layer.prepare_backward(true);
  for (size_t threads : {1u, 3u}) {
    run_team(threads, [&](const Team& team) {
      layer.forward(team, below, above, samples, {});
      team.barrier();
      layer.backward(team, above, below, samples, {});
      layer.gradient(team, below, above, samples, {.gradient = gradient.data()});
    });
    expect_outputs(c, tolerance);
    AlignedArray<T> plain_gradient(c.plain.size());
    layer.parameters().unpack(gradient.data(), plain_gradient.data());
    expect_gradient(c, plain_gradient.data(), tolerance);
  }
}

// An update that is fused with the gradient gives the same bits as the update from a stored gradient.
template <class T>
void test_fused_update(Rule rule) {
  constexpr size_t samples = 7, inputs = 29, outputs = 35;
  StepSettings<T> settings = {};
  settings.rule = rule;
  settings.rate = T(0.1);
  settings.momentum = settings.decay1 = settings.smoothing = T(0.9);
  settings.decay2 = T(0.99);
  settings.correction = settings.lookahead = settings.now = settings.scale = T(1);
  settings.epsilon = T(1e-4);
  settings.increase = T(1.2);
  settings.decrease = T(0.5);
  settings.minimum = T(0.01);
  settings.maximum = T(10);
  AlignedArray<T> results[2];
  for (bool fused : {false, true}) {
    Case<T> c = {samples, inputs, outputs};
    Dense<T> layer(inputs, outputs, {Activation::identity, 0.01, 0.02, 0});
    AlignedArray<T> packed(layer.parameters().packed_size()), gradient(layer.parameters().packed_size());
    layer.parameters().pack(c.plain.data(), packed.data());
    layer.bind(packed.data(), nullptr);
    layer.parameters().set_factors({0.5, 0.25}, {2.0, std::nullopt});
    const Signal<T> below = c.signal_below();
    const Signal<T> above = c.signal_above();
    for (size_t i = 0; i < samples; ++i) {
      for (size_t j = 0; j < outputs; ++j) c.delta.data()[i * c.above + j] = T(0.1) * T(int(i * 7 + j * 3) % 19 - 9);
    }
    AlignedArray<T> slots[max_slots] = {AlignedArray<T>(packed.size()), AlignedArray<T>(packed.size()),
                                        AlignedArray<T>(packed.size())};
    GradientTarget<T> target = {.gradient = gradient.data(), .update = fused ? &settings : nullptr};
    for (size_t i = 0; i < max_slots; ++i) target.slots[i] = slots[i].data();
    run_team(1, [&](const Team& team) {
      for (int step = 0; step < 3; ++step) {
        layer.gradient(team, below, above, samples, target);
        if (fused) continue;
        GradientTarget<T> stored = target;
        stored.update = &settings;
        layer.parameters().regularize(gradient.data(), T(0));
        layer.parameters().update(team, stored, true);
      }
    });
    results[fused] = packed;
  }
  for (size_t i = 0; i < results[0].size(); ++i) {
    expect(results[0].data()[i] == results[1].data()[i], "fused update is the stored one");
  }
}

// Lists contain the columns that are not zero, where zeros have either sign, and ignore what follows a row.
template <class T>
void test_lists(size_t columns, size_t rows) {
  const size_t words = (columns + 15) / 16;
  AlignedArray<T> row(columns + 16);
  std::vector<uint16_t> marks(rows * words);
  std::vector<uint32_t> list(words * 16), expected;
  std::vector<bool> filled(columns);
  for (size_t r = 0; r < rows; ++r) {
    RandomWords words_of_row(5, Purpose::weights, r, columns);
    for (size_t k = 0; k < row.size(); ++k) {
      const uint64_t word = words_of_row.next() % 8;
      row.data()[k] = k >= columns ? T(1) : word == 0 ? T(-3) : word == 1 ? T(NAN) : word == 2 ? T(-0.0) : T(0);
      if (k < columns && word < 2) filled[k] = true;
    }
    kernels<T>().mark_non_zeros(row.data(), columns, marks.data() + r * words);
  }
  for (size_t k = 0; k < columns; ++k) {
    if (filled[k]) expected.push_back(uint32_t(k));
  }
  list.resize(kernels<T>().list_marked(marks.data(), rows, words, list.data()));
  expect(list == expected, "columns that are not zero");
}

template <class T>
void test_finite(size_t count) {
  AlignedArray<T> values = random_array<T>(count + 1, 4);
  values.data()[count] = T(NAN);
  expect(kernels<T>().all_finite(values.data(), count), "finite numbers");
  for (size_t i = 0; i < count; ++i) {
    for (T bad : {T(NAN), T(INFINITY), T(-INFINITY)}) {
      const T good = values.data()[i];
      values.data()[i] = bad;
      expect(!kernels<T>().all_finite(values.data(), count), "a number that is not finite");
      values.data()[i] = good;
    }
  }
}

// 37 rows of an output: z, a, deltas, losses, metrics.
template <class T>
struct OutputRows {
  static constexpr size_t count = 37;
  size_t outputs, stride = row_stride<T>(outputs);
  AlignedArray<T> z = random_array<T>(count * stride, 3);
  AlignedArray<T> a{count * stride}, delta{count * stride}, targets{count * stride};
  AlignedArray<T> weights = random_array<T>(count, 4);
  AlignedArray<T> quantiles = random_array<T>(stride, 5);
  AlignedArray<double> losses{count}, metrics{count};

  void compute(LossKind kind, Activation activation, Metric metric, Range rows) {
    const Rows<T> output = {z.data(), a.data(), delta.data(), stride, outputs, rows, activation};
    if (activation == Activation::softmax) kernels<T>().softmax(output);
    const size_t columns = kind == LossKind::quantile ? outputs : target_columns({kind}, outputs);
    kernels<T>().loss({output, kind, metric, T(0.3), columns, targets.data(), weights.data(), nullptr, losses.data(),
                       metrics.data(), quantiles.data()});
  }
};

template <class T>
bool same(const AlignedArray<T>& a, const AlignedArray<T>& b) {
  return std::equal(a.data(), a.data() + a.size(), b.data());
}

// 16 rows that are processed together give the same results as one by one.
template <class T>
void test_output(LossKind kind, Activation activation, size_t outputs) {
  for (Metric metric : {Metric::largest, Metric::side, Metric::absolute_error}) {
    OutputRows<T> together = {outputs};
    for (size_t i = 0; i < together.count * outputs; ++i) {
      const size_t at = i / outputs * together.stride + i % outputs;
      together.a.data()[at] = T(i * 13 % 17 + 1) / T(18);
      together.targets.data()[at] = T(i * 7 % 11) / T(10);
    }
    OutputRows<T> apart = together;
    together.compute(kind, activation, metric, {0, together.count});
    for (size_t i = 0; i < apart.count; ++i) apart.compute(kind, activation, metric, {i, i + 1});
    expect(same(together.a, apart.a) && same(together.delta, apart.delta), "outputs and deltas by rows");
    expect(same(together.losses, apart.losses) && same(together.metrics, apart.metrics), "losses and metrics by rows");
  }
}

template <class T>
void test_outputs(size_t outputs) {
  for (Activation activation : {Activation::identity, Activation::tanh, Activation::softmax}) {
    for (LossKind kind :
         {LossKind::mse, LossKind::mae, LossKind::huber, LossKind::log_cosh, LossKind::quantile, LossKind::hinge})
      test_output<T>(kind, activation, outputs);
  }
  for (Activation activation : {Activation::sigmoid, Activation::softplus, Activation::exp}) {
    test_output<T>(LossKind::poisson, activation, outputs);
  }
  if (outputs % 2 == 0) test_output<T>(LossKind::gaussian_nll, Activation::identity, outputs);
  test_output<T>(LossKind::cross_entropy, Activation::sigmoid, outputs);
  test_output<T>(LossKind::cross_entropy, Activation::softmax, outputs);
}

template <class T>
void test_all() {
  for (size_t columns : {1u, 15u, 16u, 17u, 64u, 100u}) {
    for (size_t rows : {1u, 2u, 3u, 4u}) test_lists<T>(columns, rows);
    test_finite<T>(columns);
  }
  for (size_t outputs : {1u, 2u, 3u, 10u, 16u, 17u, 40u}) test_outputs<T>(outputs);
  for (size_t samples : {1u, 2u, 5u, 12u, 13u, 25u}) {
    for (size_t inputs : {1u, 3u, 16u, 37u}) {
      for (size_t outputs : {1u, 6u, 10u, 16u, 17u, 33u, 48u}) test_dense<T>(samples, inputs, outputs);
    }
  }
  for (Rule rule : {Rule::sgd, Rule::momentum, Rule::nesterov, Rule::adagrad, Rule::adadelta, Rule::rmsprop, Rule::adam,
                    Rule::nadam, Rule::delta_bar_delta, Rule::irprop}) {
    test_fused_update<T>(rule);
  }
}

}  // namespace

int main() {
  std::printf("kernels: %s\n", kernel_table().name);
  test_all<float>();
  test_all<double>();
  return result();
}
