// A step allocates nothing: an epoch of many steps allocates as often as an epoch of few. Nor does the prediction of a
// sample, or of a few.
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "data/sizes.hpp"
#include "layers/batch_norm.hpp"
#include "layers/convolution.hpp"
#include "layers/dense.hpp"
#include "layers/masking.hpp"
#include "layers/pooling.hpp"
#include "layers/recurrent.hpp"
#include "layers/stepwise_dense.hpp"
#include "prediction/predictor.hpp"
#include "prediction/sample_predictor.hpp"
#include "tests/check.hpp"
#include "training/epoch.hpp"

namespace {

std::atomic<size_t> allocations{0};

void* allocate(size_t size, size_t alignment) {
  allocations += 1;
  void* p = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

void* operator new(size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) { return allocate(size, size_t(alignment)); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }

using namespace chainrule;
using namespace chainrule::tests;

namespace {

constexpr size_t inputs = 90, outputs = 3;

void add_dense(Network<float>& network) {
  network.add(std::make_unique<Dense<float>>(inputs, 300, Dense<float>::Options{Activation::relu, 0, 0, 0}));
  network.add(std::make_unique<Dense<float>>(300, 300, Dense<float>::Options{Activation::relu, 0, 0, 0}));
}

// Nine steps of ten features, or fewer.
void add_sequences(Network<float>& network) {
  network.add(std::make_unique<Masking<float>>(inputs, 9, 0));
  network.add(std::make_unique<StepwiseDense<float>>(StepwiseDense<float>::Options{9, 10, 10, Activation::relu, 0, 0}));
  network.add(std::make_unique<Recurrent<float>>(lstm_cell(true),
                                                 Recurrent<float>::Options{9, 10, 7, true, 2, false, 0.1, 0.1, 0, 0}),
              {0});
  network.add(std::make_unique<Recurrent<float>>(gru_cell(false),
                                                 Recurrent<float>::Options{9, 14, 20, false, 1, true, 0, 0, 0, 0}),
              {0});
}

// An image of 9 by 10, with a border that the convolution needs.
void add_images(Network<float>& network) {
  const ConvolutionShape shape = {{9, 9, 3, 1, 1, 1}, {10, 10, 3, 1, 1, 1}, 1, 20, 1};
  network.add(std::make_unique<Convolution<float>>(shape, false, Activation::gelu, 0, 0, true));
  network.add(std::make_unique<BatchNorm<float>>(network.outputs(), 20, 0.9, 1e-3));
  network.add(std::make_unique<Convolution<float>>(ConvolutionShape{{9, 7, 3, 1, 1, 0}, {10, 8, 3, 1, 1, 0}, 20, 6, 1},
                                                   false, Activation::relu, 0, 0, true));
  const PoolShape pool = {{7, 3, 2, 2, 0}, {8, 4, 2, 2, 0}, 6};
  network.add(std::make_unique<PoolLayer<float>>(pool, PoolLayer<float>::Pooling::maximum));
}

Network<float> made_network(void (*add_layers)(Network<float>&)) {
  Network<float> network(inputs);
  add_layers(network);
  network.add(
      std::make_unique<Dense<float>>(network.outputs(), outputs, Dense<float>::Options{Activation::softmax, 0, 0, 0}));
  std::vector<float> plain(network.parameter_count());
  for (size_t i = 0; i < plain.size(); ++i) plain[i] = float(i % 13) * 0.01f - 0.06f;
  network.pack(plain.data(), network.parameters().data());
  network.parameters_changed();
  return network;
}

// Allocations of predictions, of some samples and of a single one, after the first.
size_t counted_in_predictions(size_t samples, void (*add_layers)(Network<float>&)) {
  const Network<float> network = made_network(add_layers);
  const SamplePredictor<float> predictor(made_network(add_layers));
  Spares<Predictor<float>> spares;
  TeamSize team_size;
  const std::vector<float> x(samples * inputs, 0.5f);
  std::vector<float> y(samples * outputs);
  const Source source = {
      reinterpret_cast<const char*>(x.data()), Element::float32, ptrdiff_t(inputs * 4), 4, samples, inputs};
  size_t before = 0;
  for (size_t call = 0; call < 40; ++call) {
    if (call == 1) before = allocations;
    predict(network, source, spares, team_size, y.data());
    predictor.predict(x.data(), y.data());
  }
  return allocations - before;
}

// Allocations of an epoch of `steps` steps.
size_t counted(size_t steps, size_t batch, const Optimizer& optimizer, double share_of_zeros, size_t threads,
               void (*add_layers)(Network<float>&)) {
  const size_t samples = steps * batch;
  Network<float> network = made_network(add_layers);
  std::vector<float> x(samples * inputs);
  for (size_t i = 0; i < x.size(); ++i) x[i] = double(i * 7 % 100) < 100 * share_of_zeros ? 0.0f : float(i % 11) * 0.1f;
  std::vector<int64_t> y(samples);
  for (size_t i = 0; i < samples; ++i) y[i] = int64_t(i % outputs);
  const Source source = {
      reinterpret_cast<const char*>(x.data()), Element::float32, ptrdiff_t(inputs * 4), 4, samples, inputs};
  const Data data = {source, {.labels = y.data()}};
  OptimizerState<float> state(optimizer, network.parameters().size(), 0.01);
  std::unique_ptr<EpochWorkspace<float>> workspace;
  const std::vector<double> rates(steps, 0.01);
  const EpochOptions options = {batch, true, 1, 0, {LossKind::cross_entropy, 0, 1}, rates.data(), 0.0, {0, steps}, {}};
  set_num_threads(threads);
  TeamSize team_size;
  const size_t before = allocations;
  train_epoch(network, state, optimizer, data, options, {}, team_size, workspace);
  return allocations - before;
}

}  // namespace

int main() {
  set_num_threads(1);
  for (const auto add_layers : {add_dense, add_sequences, add_images}) {
    for (size_t samples : {1u, 2u, 16u, 20u}) {
      expect(counted_in_predictions(samples, add_layers) == 0, "a prediction allocates nothing");
    }
  }
  set_work_per_thread(1);
  // A team that changes its size is started anew.
  set_team_sizes(TeamSizes::as_asked);
  for (const char* rule : {"sgd", "adam"}) {
    const Optimizer optimizer(rule, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8});
    for (double zeros : {0.0, 0.8}) {
      for (size_t threads : {1u, 2u}) {
        for (size_t batch : {1u, 32u}) {
          for (const auto add_layers : {add_dense, add_sequences}) {
            counted(2, batch, optimizer, zeros, threads, add_layers);  // allocations that happen once
            expect(counted(4, batch, optimizer, zeros, threads, add_layers) ==
                       counted(100, batch, optimizer, zeros, threads, add_layers),
                   "a step allocates nothing");
          }
        }
      }
    }
  }
  return result();
}
