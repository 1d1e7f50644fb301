// Sessions: locks, the cached predictor, snapshots, and passes whose values are kept. Its name makes ThreadSanitizer
// watch it (.ci/run).
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "base/random.hpp"
#include "data/sizes.hpp"
#include "session.hpp"
#include "tests/check.hpp"

using namespace chainrule;
using namespace chainrule::tests;

namespace {

constexpr size_t samples = 12, inputs = 5, outputs = 3;

std::vector<double> numbers(size_t count, uint64_t seed) {
  std::vector<double> values(count);
  RandomWords words(seed, Purpose::weights, 0, 0);
  for (double& value : values) value = uniform(words.next()) - 0.5;
  return values;
}

void add_dense(Session<double>& session, size_t units, Activation activation) {
  session.add_layer(DenseSettings{.units = units, .activation = activation, .l1 = 0, .l2 = 0, .max_norm = 0});
}

void add_layers(Session<double>& session) {
  add_dense(session, 7, Activation::tanh);
  add_dense(session, outputs, Activation::softmax);
  session.set_parameters(numbers(session.network().parameter_count(), 1).data());
}

struct Samples {
  std::vector<double> x = numbers(samples * inputs, 2);
  std::vector<int64_t> y = std::vector<int64_t>(samples, 1);

  Source source(size_t rows = samples) const {
    return {reinterpret_cast<const char*>(x.data()), Element::float64, inputs * 8, 8, rows, inputs};
  }
  Data data() const { return {.inputs = source(), .targets = {.labels = y.data()}}; }
};

template <class Error, class Function>
void expect_throws(Function function, const char* what) {
  try {
    function();
  } catch (const Error&) {
    return;
  }
  expect(false, what);
}

EpochResult train(Session<double>& session, const Data& data, const Poll& poll = {}) {
  const std::vector<double> rates(3, 0.1);
  const EpochOptions options = {.batch_size = 4,
                                .shuffle = true,
                                .seed = 0,
                                .epoch = 0,
                                .loss = {LossKind::cross_entropy},
                                .rates = rates.data(),
                                .input_noise = 0,
                                .steps = {0, rates.size()},
                                .totals = {}};
  const Optimizer optimizer("sgd", {.momentum = 0.9});
  return session.train_epoch(data, options, optimizer, poll);
}

std::vector<double> predicted(const Session<double>& session, const Source& source) {
  std::vector<double> result(source.rows * outputs);
  session.predict(source, result.data());
  return result;
}

void test_locks() {
  Session<double> session(inputs);
  {
    const auto first = session.lock_to_read();
    const auto second = session.lock_to_read();
  }
  const auto changing = session.lock_to_change();
  expect_throws<std::runtime_error>([&] { session.lock_to_read(); }, "a session that is changed is not read");
  expect_throws<std::runtime_error>([&] { session.lock_to_change(); }, "a session is changed by one thread");
}

void test_a_change_waits_for_readers() {
  Session<double> session(inputs);
  std::atomic<bool> read{false}, reading{false};
  std::thread reader([&] {
    const auto lock = session.lock_to_read();
    reading = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    read = true;
  });
  while (!reading) std::this_thread::yield();
  const auto lock = session.lock_to_change();
  expect(read, "the reader has come to its end");
  reader.join();
}

void test_arguments() {
  expect_throws<std::invalid_argument>([] { Session<double> session(0); }, "inputs must be positive");
  Session<double> session(inputs);
  const Samples all;
  expect_throws<std::invalid_argument>([&] { session.check_inputs(all.source()); }, "no layers");
  add_layers(session);
  expect_throws<std::invalid_argument>([&] { add_dense(session, 2, Activation::relu); }, "softmax is last");
  expect_throws<std::out_of_range>([&] { session.layer(2); }, "no such layer");
  expect_throws<std::invalid_argument>([&] { session.target_columns({LossKind::poisson}); }, "loss and output");
  expect_throws<std::runtime_error>([&] { session.activations(0); }, "no pass");
  expect_throws<std::runtime_error>([&] { session.gradient(); }, "no gradient");
}

// Threads that predict at the same time share one cached predictor, or make others.
void test_prediction_by_many() {
  Session<double> session(inputs);
  add_layers(session);
  const Samples all;
  const std::vector<double> expected = predicted(session, all.source());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, rows = samples - i] {
      for (int round = 0; round < 50; ++round) {
        const auto lock = session.lock_to_read();
        const std::vector<double> got = predicted(session, all.source(rows));
        if (!std::equal(got.begin(), got.end(), expected.begin())) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect(wrong == 0, "all threads predict the same");
}

void test_snapshot() {
  Session<double> session(inputs);
  add_layers(session);
  const Samples all;
  expect_throws<std::invalid_argument>([&] { session.restore_snapshot(); }, "no snapshot");
  const std::vector<double> before = predicted(session, all.source());
  session.save_snapshot();
  expect(train(session, all.data()).steps == 3, "an epoch is whole");
  expect(predicted(session, all.source()) != before, "training changes the network");
  expect(session.optimizer_state().steps() == 3, "steps are counted");
  session.restore_snapshot();
  expect(predicted(session, all.source()) == before, "a snapshot restores the parameters");
  expect(!session.optimizer_state().started(), "a snapshot restores the optimiser's state");
  session.drop_snapshot();
  expect_throws<std::invalid_argument>([&] { session.restore_snapshot(); }, "a dropped snapshot");
}

// A lock held through training refuses others, also from its own poll.
void test_training_excludes_readers() {
  Session<double> session(inputs);
  add_layers(session);
  const Samples all;
  const auto lock = session.lock_to_change();
  std::atomic<int> refused{0};
  std::thread other([&] {
    try {
      session.lock_to_read();
    } catch (const std::runtime_error&) {
      ++refused;
    }
  });
  train(session, all.data());
  other.join();
  expect(refused == 1, "a session in training is not read");
}

// The gradient of the loss, and the same one from the outputs' deltas.
void test_passes() {
  Session<double> session(inputs);
  add_layers(session);
  const Samples all;
  const Loss loss = {LossKind::mse};
  expect(session.loss_and_gradient(all.data(), loss) > 0, "a loss");
  const AlignedArray<double> gradient = session.gradient();
  session.forward(all.source(), false, 0, 0);
  expect_throws<std::runtime_error>([&] { session.deltas(0); }, "no deltas after forward");
  const RowsView<double> out = session.last_outputs();
  std::vector<double> error(samples * outputs);
  for (size_t i = 0; i < samples; ++i) {
    for (size_t j = 0; j < outputs; ++j) {
      error[i * outputs + j] = (out.values[i * out.stride + j] - (j == 1 ? 1 : 0)) / double(samples);
    }
  }
  const RowsView<double> input_gradient = session.backward(error.data());
  expect(input_gradient.rows == samples && input_gradient.columns == inputs, "gradient by the inputs");
  for (size_t i = 0; i < gradient.size(); ++i) {
    expect_near(session.gradient().data()[i], gradient.data()[i], 1e-12, "gradient by the parameters");
  }
  session.set_parameters(numbers(session.network().parameter_count(), 3).data());
  expect_throws<std::runtime_error>([&] { session.backward(error.data()); }, "a pass of other parameters");
}

// A look at the signals shows what forward and backward keep, and leaves what is kept alone.
void test_flows() {
  Session<double> session(inputs);
  add_layers(session);
  const Samples all;
  const std::vector<double> errors = numbers(samples * outputs, 4);
  session.forward(all.source(), false, 0, 0);
  session.backward(errors.data());
  const Workspace<double> seen = session.flows(all.source(), errors.data(), false);
  for (size_t i = 0; i < session.network().size(); ++i) {
    const Signal<double>& signal = seen.signals()[i + 1];
    const RowsView<double> activations = session.activations(i), deltas = session.deltas(i);
    for (size_t j = 0; j < samples; ++j) {
      for (size_t k = 0; k < signal.size; ++k) {
        expect(signal.activations[j * signal.stride + k] == activations.values[j * activations.stride + k], "a");
        expect(signal.deltas[j * signal.stride + k] == deltas.values[j * deltas.stride + k], "delta");
      }
    }
  }
  const Workspace<double> from_z = session.flows(all.source(), errors.data(), true);
  for (size_t k = 0; k < outputs; ++k) {
    expect(from_z.output().deltas[k] == errors[k], "errors that are dE/dz are the deltas of the output");
  }
}

}  // namespace

int main() {
  set_work_per_thread(1);
  test_locks();
  test_a_change_waits_for_readers();
  test_arguments();
  test_prediction_by_many();
  test_snapshot();
  test_training_excludes_readers();
  test_passes();
  test_flows();
  return result();
}
