// Several threads of a program use the core at once, each with its own team: they train different networks, and predict
// with a shared one. Written for ThreadSanitizer.
#include <algorithm>
#include <thread>

#include "base/random.hpp"
#include "data/sizes.hpp"
#include "layers/activation.hpp"
#include "layers/batch_norm.hpp"
#include "layers/convolution.hpp"
#include "layers/dense.hpp"
#include "layers/resizing.hpp"
#include "prediction/predictor.hpp"
#include "prediction/sample_predictor.hpp"
#include "tests/check.hpp"
#include "training/epoch.hpp"
#include "training/evaluate.hpp"

using namespace chainrule;
using namespace chainrule::tests;

namespace {

constexpr size_t samples = 200, inputs = 30, hidden = 100, outputs = 3, programs = 4;

std::vector<float> numbers(size_t count, uint64_t seed) {
  std::vector<float> values(count);
  RandomWords words(seed, Purpose::weights, 0, 0);
  for (float& value : values) value = float(uniform(words.next()) - 0.5);
  return values;
}

// Layers whose signals have samples in the lanes, up to an upsampling, and others above it that divide samples.
Network<float> made_network_in_lanes(uint64_t seed) {
  Network<float> network(inputs);
  const ConvolutionShape shape = {{5, 5, 3, 1, 1, 1}, {6, 6, 3, 1, 1, 1}, 1, 4, 1};
  network.add(std::make_unique<Convolution<float>>(shape, false, Activation::relu, 0, 0, true));
  network.add(std::make_unique<BatchNorm<float>>(network.outputs(), 4, 0.9, 1e-3));
  network.add(std::make_unique<ActivationLayer<float>>(network.outputs(), Activation::gelu, 1));
  network.add(std::make_unique<UpSample<float>>(UpSampleSettings{5, 6, 4, 2, 2}));
  network.add(std::make_unique<ActivationLayer<float>>(network.outputs(), Activation::tanh, 1));
  network.add(
      std::make_unique<Dense<float>>(network.outputs(), outputs, Dense<float>::Options{Activation::softmax, 0, 0, 0}));
  network.pack(numbers(network.parameter_count(), seed).data(), network.parameters().data());
  return network;
}

// The last network has signals in lanes. Every third has a convolution with many values, which is trained with channels
// in the lanes, and a normalisation of them.
Network<float> made_network(uint64_t seed) {
  if (seed + 1 == programs) return made_network_in_lanes(seed);
  Network<float> network(inputs);
  if (seed % 3 == 2) {
    const ConvolutionShape shape = {{5, 5, 3, 1, 1, 1}, {6, 6, 3, 1, 1, 1}, 1, 272, 1};
    network.add(std::make_unique<Convolution<float>>(shape, false, Activation::relu, 0, 0, true));
    network.add(std::make_unique<BatchNorm<float>>(network.outputs(), 272, 0.9, 1e-3));
    network.add(std::make_unique<Dense<float>>(network.outputs(), outputs,
                                               Dense<float>::Options{Activation::softmax, 0, 0, 0}));
    network.pack(numbers(network.parameter_count(), seed).data(), network.parameters().data());
    return network;
  }
  network.add(std::make_unique<Dense<float>>(inputs, hidden, Dense<float>::Options{Activation::relu, 0, 0, 0}));
  network.add(std::make_unique<Dense<float>>(hidden, outputs, Dense<float>::Options{Activation::softmax, 0, 0, 0}));
  network.pack(numbers(network.parameter_count(), seed).data(), network.parameters().data());
  return network;
}

// Images of 5 by 6, whose convolution needs a border.
Network<float> made_network_of_images() {
  Network<float> network(inputs);
  const ConvolutionShape shape = {{5, 5, 3, 1, 1, 1}, {6, 6, 3, 1, 1, 1}, 1, 20, 1};
  network.add(std::make_unique<Convolution<float>>(shape, false, Activation::gelu, 0, 0, true));
  network.add(
      std::make_unique<Dense<float>>(network.outputs(), outputs, Dense<float>::Options{Activation::softmax, 0, 0, 0}));
  network.pack(numbers(network.parameter_count(), 3).data(), network.parameters().data());
  return network;
}

// Samples as dense rows and as compressed sparse rows.
struct Samples {
  Samples() : x(numbers(samples * inputs, 1)), labels(samples), row_begins(samples + 1) {
    for (float& value : x) value = std::max(value, 0.0f);
    for (size_t i = 0; i < samples; ++i) {
      labels[i] = int64_t(i % outputs);
      for (size_t k = 0; k < inputs; ++k) {
        if (x[i * inputs + k] == 0) continue;
        values.push_back(x[i * inputs + k]);
        columns.push_back(int64_t(k));
      }
      row_begins[i + 1] = int64_t(values.size());
    }
  }

  Source dense() const {
    return {bytes(x), Element::float32, ptrdiff_t(inputs * sizeof(float)), sizeof(float), samples, inputs};
  }
  Source sparse() const {
    return {bytes(values),   Element::float32, 0,     sizeof(float), samples, inputs, bytes(columns), bytes(row_begins),
            sizeof(int64_t), values.size(),    inputs};
  }

  std::vector<float> x, values;
  std::vector<int64_t> labels, columns, row_begins;

 private:
  template <class T>
  static const char* bytes(const std::vector<T>& from) {
    return reinterpret_cast<const char*>(from.data());
  }
};

// The parameters after two epochs, in parts, with polls and evaluations. With small batches, threads divide the units
// of the hidden layer, with large ones the samples.
std::vector<float> trained(uint64_t seed, const Samples& all, bool sparse) {
  Network<float> network = made_network(seed);
  const Optimizer optimizer("adam", {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8});
  OptimizerState<float> state(optimizer, network.parameters().size(), 0.01);
  std::unique_ptr<EpochWorkspace<float>> workspace;
  TeamSize team_size;
  const Data data = {sparse ? all.sparse() : all.dense(), {.labels = all.labels.data()}};
  const Loss loss = {LossKind::cross_entropy, 0, 1};
  const size_t batch = seed < programs / 2 ? 20 : 50;
  const std::vector<double> rates(samples / batch, 0.01);
  for (uint64_t epoch = 0; epoch < 2; ++epoch) {
    EpochOptions options = {batch, true, seed, epoch, loss, rates.data(), 0, {0, 1}, {}};
    options.totals =
        train_epoch(network, state, optimizer, data, options, [](size_t) { return true; }, team_size, workspace).totals;
    options.steps = {1, rates.size()};
    train_epoch(network, state, optimizer, data, options, [](size_t) { return true; }, team_size, workspace);
    evaluate(network, data, loss, team_size);
  }
  std::vector<float> plain(network.parameter_count());
  network.unpack(network.parameters().data(), plain.data());
  return plain;
}

template <class Work>
void at_once(const Work& work) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < programs; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main() {
  set_work_per_thread(1);
  const Samples all;
  std::vector<std::vector<float>> alone(programs), together(programs);
  set_num_threads(1);
  for (size_t i = 0; i < programs; ++i) alone[i] = trained(i, all, i == 1);
  set_num_threads(3);
  set_team_sizes(TeamSizes::random);
  at_once([&](size_t i) { together[i] = trained(i, all, i == 1); });
  for (size_t i = 0; i < programs; ++i) expect(alone[i] == together[i], "networks do not disturb each other");

  const Network<float> shared = made_network(0);
  std::vector<float> expected(samples * outputs);
  Spares<Predictor<float>> spares;
  TeamSize team_size;
  predict(shared, all.dense(), spares, team_size, expected.data());
  std::vector<std::vector<float>> predicted(programs, std::vector<float>(samples * outputs));
  at_once([&](size_t i) {
    predict(shared, i % 2 == 1 ? all.sparse() : all.dense(), spares, team_size, predicted[i].data());
  });
  for (const std::vector<float>& values : predicted) expect(values == expected, "one network predicts for all");

  const Network<float> of_images = made_network_of_images();
  Spares<Predictor<float>> spares_of_images;
  predict(of_images, all.dense(), spares_of_images, team_size, expected.data());
  const SamplePredictor<float> single(made_network_of_images());
  at_once([&](size_t i) {
    for (size_t row = 0; row < samples; ++row) {
      single.predict(all.x.data() + row * inputs, predicted[i].data() + row * outputs);
    }
  });
  for (const std::vector<float>& values : predicted) expect(values == expected, "one predictor predicts for all");
  return result();
}
