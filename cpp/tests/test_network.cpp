// Whole training runs in C++, for the sanitizers: odd shapes, chunks, threads, parts of epochs, divergence.
#include <algorithm>
#include <numeric>

#include "base/random.hpp"
#include "data/sizes.hpp"
#include "layers/convolution.hpp"
#include "layers/dense.hpp"
#include "layers/rescaling.hpp"
#include "tests/check.hpp"
#include "training/epoch.hpp"
#include "training/evaluate.hpp"

using namespace chainrule;
using namespace chainrule::tests;

namespace {

template <class T>
Network<T> made_network() {
  Network<T> network(11);
  network.add(std::make_unique<Dense<T>>(11, 37, typename Dense<T>::Options{Activation::gelu, 0, 0.01, 1.0}));
  network.add(std::make_unique<Dense<T>>(37, 5, typename Dense<T>::Options{Activation::softmax, 0.001, 0, 0}));
  std::vector<T> plain(network.parameter_count());
  RandomWords words(3, Purpose::weights, 0, 0);
  for (T& w : plain) w = T(uniform(words.next()) - 0.5);
  network.pack(plain.data(), network.parameters().data());
  return network;
}

// Random samples of eleven numbers, with labels of five classes.
struct Samples {
  static constexpr size_t count = 53;
  std::vector<double> x = std::vector<double>(count * 11);
  std::vector<int64_t> y = std::vector<int64_t>(count);

  Samples() {
    RandomWords words(1, Purpose::weights, 0, 0);
    for (double& value : x) value = uniform(words.next());
    for (size_t i = 0; i < count; ++i) y[i] = int64_t(i % 5);
  }

  Data data() const {
    Data data;
    data.inputs = {reinterpret_cast<const char*>(x.data()), Element::float64, 88, 8, count, 11};
    data.targets.labels = y.data();
    return data;
  }
};

template <class T>
void test_training(const OptimizerSettings& settings, size_t batch) {
  const Samples samples;
  const Data data = samples.data();
  const std::vector<double> rates((Samples::count + batch - 1) / batch, 0.1);
  const Loss loss = {LossKind::cross_entropy, 0.1, 1};
  const EpochOptions whole = {batch, true, 1, 0, loss, rates.data(), 0.1, {0, rates.size()}, {}};

  std::vector<AlignedArray<T>> results;
  std::vector<Totals> totals;
  set_team_sizes(TeamSizes::as_asked);
  for (size_t threads : {1u, 4u}) {
    set_num_threads(threads);
    Network<T> network = made_network<T>();
    const Optimizer optimizer("adam", settings);
    OptimizerState<T> state(optimizer, network.parameters().size(), 0.1);
    std::unique_ptr<EpochWorkspace<T>> workspace;
    TeamSize team_size;
    const double before = evaluate(network, data, loss, team_size).loss;
    for (int epoch = 0; epoch < 5; ++epoch) {
      const EpochResult done = train_epoch(network, state, optimizer, data, whole, {}, team_size, workspace);
      expect(done.steps == rates.size() && done.diverged < 0, "epoch is whole");
      totals.push_back(done.totals);
    }
    expect(evaluate(network, data, loss, team_size).loss < before, "loss falls");
    results.push_back(network.parameters());
  }
  set_num_threads(0);
  for (size_t i = 0; i < results[0].size(); ++i) {
    expect(results[0].data()[i] == results[1].data()[i], "threads change nothing");
  }

  Network<T> network = made_network<T>();
  const Optimizer optimizer("adam", settings);
  OptimizerState<T> state(optimizer, network.parameters().size(), 0.1);
  std::unique_ptr<EpochWorkspace<T>> workspace;
  TeamSize team_size;
  for (size_t epoch = 0; epoch < 5; ++epoch) {
    EpochOptions part = whole;
    for (size_t step = 0; step < rates.size(); step = part.steps.end) {
      part.steps = {step, std::min(step * 2 + 1, rates.size())};
      const EpochResult done = train_epoch(network, state, optimizer, data, part, {}, team_size, workspace);
      expect(done.steps == part.steps.size(), "part is whole");
      part.totals = done.totals;
    }
    expect(part.totals.loss == totals[epoch].loss && part.totals.metric == totals[epoch].metric, "sums go on");
  }
  for (size_t i = 0; i < results[0].size(); ++i) {
    expect(results[0].data()[i] == network.parameters().data()[i], "parts change nothing");
  }
}

// Convolutions of few channels in mixed precision, whose kernels copy and multiply whole vectors.
Network<float> mixed_convolutions() {
  Network<float> network(48, true);
  const auto add = [&](const ConvolutionShape& shape, bool transposed) {
    network.add(std::make_unique<Convolution<float>>(shape, transposed, Activation::gelu, 0, 0, true));
  };
  add({{4, 4, 3, 1, 1, 1}, {4, 4, 3, 1, 1, 1}, 3, 4, 1}, false);
  add({{8, 4, 3, 2, 1, 0}, {8, 4, 3, 2, 1, 0}, 2, 4, 1}, true);
  add({{8, 4, 3, 1, 2, 0}, {8, 2, 3, 3, 1, 0}, 2, 6, 2}, false);
  network.add(std::make_unique<Dense<float>>(48, 5, Dense<float>::Options{Activation::softmax, 0, 0, 0}));
  std::vector<float> plain(network.parameter_count());
  RandomWords words(3, Purpose::weights, 0, 0);
  for (float& w : plain) w = float(uniform(words.next()) - 0.5);
  network.pack(plain.data(), network.parameters().data());
  return network;
}

void test_mixed_convolutions() {
  constexpr size_t count = 21;
  std::vector<float> x(count * 48);
  std::vector<int64_t> y(count);
  RandomWords words(1, Purpose::weights, 0, 0);
  for (float& value : x) value = float(uniform(words.next()));
  for (size_t i = 0; i < count; ++i) y[i] = int64_t(i % 5);
  Data data;
  data.inputs = {reinterpret_cast<const char*>(x.data()), Element::float32, 48 * 4, 4, count, 48};
  data.targets.labels = y.data();
  const std::vector<double> rates(3, 0.01);
  const Loss loss = {LossKind::cross_entropy, 0, 1};
  const EpochOptions options = {8, true, 1, 0, loss, rates.data(), 0, {0, rates.size()}, {}};
  std::vector<AlignedArray<float>> results;
  for (size_t threads : {1u, 4u}) {
    set_num_threads(threads);
    Network<float> network = mixed_convolutions();
    const Optimizer optimizer("sgd", {});
    OptimizerState<float> state(optimizer, network.parameters().size(), 0);
    std::unique_ptr<EpochWorkspace<float>> workspace;
    TeamSize team_size;
    const double before = evaluate(network, data, loss, team_size).loss;
    for (int epoch = 0; epoch < 20; ++epoch) {
      train_epoch(network, state, optimizer, data, options, {}, team_size, workspace);
    }
    expect(evaluate(network, data, loss, team_size).loss < before, "loss of convolutions falls");
    results.push_back(network.parameters());
  }
  set_num_threads(0);
  for (size_t i = 0; i < results[0].size(); ++i) {
    expect(results[0].data()[i] == results[1].data()[i], "threads change nothing of convolutions");
  }
}

void test_divergence() {
  const std::vector<float> x(33, 1.0f);
  const std::vector<int64_t> y(3, 0);
  Data data;
  data.inputs = {reinterpret_cast<const char*>(x.data()), Element::float32, 44, 4, 3, 11};
  data.targets.labels = y.data();
  const std::vector<double> rates(3, 1e38);
  Network<float> network = made_network<float>();
  const Optimizer optimizer("sgd", {});
  OptimizerState<float> state(optimizer, network.parameters().size(), 0);
  std::unique_ptr<EpochWorkspace<float>> workspace;
  TeamSize team_size;
  const EpochOptions options = {1, false, 0, 0, {LossKind::mse, 0, 1}, rates.data(), 0, {0, 3}, {}};
  const EpochResult done = train_epoch(network, state, optimizer, data, options, {}, team_size, workspace);
  expect(done.diverged >= 0, "divergence is seen");
}

// No delta is computed below the lowest layer that learns anything.
void test_first_trainable() {
  Network<float> network(4);
  network.add(std::make_unique<Rescaling<float, Rescale>>(1, 4));
  network.add(std::make_unique<Dense<float>>(4, 3, Dense<float>::Options{Activation::relu, 0, 0, 0}));
  network.add(std::make_unique<Dense<float>>(3, 2, Dense<float>::Options{Activation::identity, 0, 0, 0}));
  expect(network.first_trainable() == 1, "a layer without parameters learns nothing");
  network.layer(1).trainable = false;
  expect(network.first_trainable() == 2, "a frozen layer learns nothing");
}

}  // namespace

int main() {
  set_work_per_thread(1);
  const OptimizerSettings adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
  OptimizerSettings clipped = adam;
  clipped.clip_norm = 0.5;
  for (size_t batch : {1u, 7u, 53u}) {
    test_training<float>(adam, batch);
    test_training<double>(clipped, batch);
  }
  test_mixed_convolutions();
  test_divergence();
  test_first_trainable();
  return result();
}
