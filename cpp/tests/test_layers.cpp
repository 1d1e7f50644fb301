// Layers that read other layers' signals: wrong sources are refused. Recurrent layers: more threads than panels of
// gates change nothing.
#include <stdexcept>

#include "base/random.hpp"
#include "data/sizes.hpp"
#include "layers/composite.hpp"
#include "layers/dense.hpp"
#include "layers/masking.hpp"
#include "layers/recurrent.hpp"
#include "tests/check.hpp"
#include "training/epoch.hpp"

using namespace chainrule;
using namespace chainrule::tests;

namespace {

constexpr size_t steps = 4, features = 3, units = 7;

void expect_refused(Network<float>& network, std::unique_ptr<Layer<float>> layer, std::vector<size_t> sources,
                    const char* what) {
  try {
    network.add(std::move(layer), std::move(sources));
  } catch (const std::invalid_argument&) {
    return;
  }
  expect(false, what);
}

std::unique_ptr<Layer<float>> lstm() {
  return std::make_unique<Recurrent<float>>(lstm_cell(true), Recurrent<float>::Options{.steps = steps,
                                                                                       .features = features,
                                                                                       .units = units,
                                                                                       .return_sequences = false,
                                                                                       .directions = 2,
                                                                                       .stateful = false,
                                                                                       .dropout = 0,
                                                                                       .recurrent_dropout = 0,
                                                                                       .l1 = 0,
                                                                                       .l2 = 0});
}

void test_sources() {
  constexpr size_t size = steps * features;
  Network<float> network(size);
  expect_refused(network, std::make_unique<Dense<float>>(size + 1, 2, Dense<float>::Options{}), {}, "wrong inputs");
  network.add(std::make_unique<Masking<float>>(size, steps, 0));
  expect_refused(network, std::make_unique<Fork<float>>(size), {0}, "a source of a layer that reads none");
  expect_refused(network, lstm(), {0, 0}, "two masks");
  expect_refused(network, lstm(), {1}, "a mask that is not below");
  expect_refused(network, lstm(), {size_t(-1)}, "a negative source");
  network.add(std::make_unique<Fork<float>>(size));
  expect_refused(network, lstm(), {1}, "a mask that marks no padding");
  expect_refused(network, std::make_unique<Recall<float>>(size, size), {0}, "a recall of what is no fork");
  expect_refused(network, std::make_unique<Recall<float>>(size, size + 1), {1}, "a recall of another size");
  network.add(std::make_unique<Recall<float>>(size, size), {1});
  const Slice all = {1, 0, size, size}, half = {1, 0, size / 2, size};
  expect_refused(network, std::make_unique<Merge<float>>(std::vector<Slice>{all, all}), {1}, "too few ends");
  expect_refused(network, std::make_unique<Merge<float>>(std::vector<Slice>{half, all}), {1, 2},
                 "an end of another size");
  network.add(std::make_unique<Merge<float>>(std::vector<Slice>{all, all}), {1, 2});
  network.add(lstm(), {0});
  expect(network.sources(4) == std::vector<size_t>{0}, "sources are kept");
}

std::vector<float> trained(size_t threads) {
  constexpr size_t samples = 40, inputs = steps * features;
  set_num_threads(threads);
  Network<float> network(inputs);
  network.add(lstm());
  network.add(std::make_unique<Dense<float>>(2 * units, 2, Dense<float>::Options{Activation::identity, 0, 0, 0}));
  RandomWords words(1, Purpose::weights, 0, 0);
  const auto draw = [&](size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = float(uniform(words.next()) - 0.5);
    return values;
  };
  network.pack(draw(network.parameter_count()).data(), network.parameters().data());
  network.parameters_changed();
  const std::vector<float> x = draw(samples * inputs), y = draw(samples * 2);
  const Source targets = {reinterpret_cast<const char*>(y.data()), Element::float32, 8, 4, samples, 2};
  const Data data = {
      .inputs = {reinterpret_cast<const char*>(x.data()), Element::float32, inputs * 4, 4, samples, inputs},
      .targets = {.rows = &targets}};
  const std::vector<double> rates(2, 0.1);
  const EpochOptions options = {.batch_size = samples / 2,
                                .shuffle = false,
                                .seed = 0,
                                .epoch = 0,
                                .loss = {LossKind::mse},
                                .rates = rates.data(),
                                .input_noise = 0,
                                .steps = {0, 2},
                                .totals = {}};
  const Optimizer optimizer("sgd", {});
  OptimizerState<float> state(optimizer, network.parameters().size(), 0);
  std::unique_ptr<EpochWorkspace<float>> workspace;
  TeamSize team_size;
  train_epoch(network, state, optimizer, data, options, {}, team_size, workspace);
  return {network.parameters().data(), network.parameters().data() + network.parameters().size()};
}

}  // namespace

int main() {
  set_work_per_thread(1);
  test_sources();
  const std::vector<float> alone = trained(1);
  for (size_t threads : {3u, 7u}) expect(trained(threads) == alone, "threads change nothing");
  return result();
}
