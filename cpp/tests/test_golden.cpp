// Small networks of all kinds, trained by every number of threads, from dense rows and from sparse ones: what comes out
// has the bytes whose hashes are stored here, on every machine with fused multiply-add.
#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <type_traits>

#include "base/random.hpp"
#include "data/sizes.hpp"
#include "layers/dense.hpp"
#include "network/initializers.hpp"
#include "prediction/predictor.hpp"
#include "tests/check.hpp"
#include "training/epoch.hpp"
#include "training/evaluate.hpp"

using namespace chainrule;
using namespace chainrule::tests;

namespace {

struct Golden {
  const char* name;
  uint64_t float32, float64;
};

// What `test_golden --print` prints. A hash that changes says that the arithmetic has changed, and with it the bytes of
// everybody's trained weights: that goes into CHANGELOG.md.
const std::vector<Golden> golden = {
    {"one sample at a time", 0x3eae88f817a73f9d, 0x3260de18601afc73},
    {"digits", 0x4fcf624b1226be79, 0x224d78f4c9d5456b},
    {"words that seldom occur", 0x0af183c0b73938a2, 0xf5f92db8b9b3d3cd},
    {"words that leave a trace", 0xfd52e2c110210206, 0x13c698e1f64c75c5},
    {"many units", 0x356232e2d823f88c, 0x23e602d511ac47ac},
    {"many units at rest", 0x21d75b24a7539d12, 0x9fea12d8a60d4101},
    {"batch in chunks", 0x7dad33ce3ddeccd3, 0xeb3f469605c84ba1},
    {"sparse batch in chunks", 0xe18f4411e4e05633, 0x6ef10a4a19ce0fc3},
    {"exponential units", 0x51e9a9dc79b4c6b8, 0x3d52ac2307c6f733},
    {"half of the inputs", 0x5da6ad2e11485bb8, 0x32770bebbee92e17},
    {"errors with smooth signs", 0x9d21702ece5ccc81, 0x06db906453a93f6c},
    {"three quantiles", 0x108dee88ede0a6e3, 0x194a4fb465079506},
    {"counts", 0x157644dbe66aee9a, 0xe91dc46e359155fb},
    {"weighted samples", 0x39f715fc21880e72, 0x783064efc947541f},
    {"weights decay", 0xbb75e692056a6efb, 0x41dc5b21cd49b78d},
    {"clipped by norm", 0x21bf95ce84305f30, 0x0ca461ede86c9d72},
    {"clipped by value", 0x5fbb911f5e8dde6f, 0xf56fb673947a10c6},
    {"full batches", 0xb738b10be5a98db1, 0xece65da140139968},
    {"first layer frozen", 0x1077552631081604, 0x4c9b4731359c875e},
    {"middle layer frozen", 0x314208de6114159f, 0xfec10d087ce08bed},
    {"noise upon the inputs", 0x807e910dc1d64e2f, 0xc2c8fc52295d5167},
};

struct Samples {
  Element element;
  size_t count, inputs;
  double density;  // the share of the inputs that are not zero
};

struct Units {
  size_t count;
  Activation activation;
  double bias = 0;
  double l1 = 0, l2 = 0, max_norm = 0;
  bool trainable = true;
};

struct Goal {
  Loss loss;
  bool labels;  // else rows of targets
  bool weighted = false;
};

struct Steps {
  size_t batch;
  double rate;
  const char* rule;
  std::map<std::string, double> settings = {};
  double input_noise = 0;
};

struct Plan {
  const char* name;
  Samples samples;
  std::vector<Units> layers;
  Goal goal;
  Steps steps;
};

// Every activation, loss and rule; rows, columns and panels that no size of tile divides; steps that are worth eight
// threads, which share out samples or, where there are enough of them, units.
std::vector<Plan> plans() {
  using A = Activation;
  using E = Element;
  using L = LossKind;
  return {
      {"one sample at a time", {E::float64, 37, 7, 1}, {{5, A::identity}}, {{L::mse}, false}, {1, 0.05, "sgd"}},
      {"digits",
       {E::uint8, 150, 400, 0.2},
       {{77, A::tanh}, {10, A::softmax}},
       {{L::cross_entropy}, true},
       {32, 0.1, "sgd", {{"momentum", 0.9}}}},
      {"words that seldom occur",
       {E::float32, 41, 1000, 0.01},
       {{83, A::relu}, {3, A::softmax}},
       {{L::cross_entropy}, true},
       {5, 0.2, "sgd"}},
      {"words that leave a trace",
       {E::float64, 41, 1000, 0.01},
       {{83, A::tanh}, {3, A::softmax}},
       {{L::cross_entropy}, true},
       {5, 0.01, "adam", {{"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}}}},
      {"many units",
       {E::float32, 130, 61, 1},
       {{271, A::relu, 0, 0, 1e-3}, {263, A::leaky_relu}, {10, A::softmax}},
       {{L::cross_entropy, 0.1}, true},
       {120, 0.02, "sgd", {{"momentum", 0.9}, {"nesterov", 1}}}},
      {"many units at rest",
       {E::float32, 40, 30, 1},
       {{257, A::relu, -0.4}, {258, A::relu, -0.2}, {3, A::softmax}},
       {{L::cross_entropy}, true},
       {33, 0.01, "adam", {{"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}}}},
      {"batch in chunks",
       {E::float32, 300, 4001, 1},
       {{6, A::softsign}, {2, A::identity}},
       {{L::mse}, false},
       {300, 0.01, "sgd"}},
      {"sparse batch in chunks",
       {E::float64, 500, 4001, 0.05},
       {{5, A::sigmoid}},
       {{L::cross_entropy}, true},
       {500, 0.02, "adam", {{"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}}}},
      {"exponential units",
       {E::float64, 60, 33, 1},
       {{49, A::elu}, {35, A::selu}, {3, A::identity}},
       {{L::mae}, false},
       {60, 0.05, "adagrad", {{"epsilon", 1e-8}}}},
      {"half of the inputs",
       {E::float32, 110, 45, 0.45},
       {{90, A::softsign}, {17, A::identity}},
       {{L::huber, 0, 0.3}, false},
       {50, 1, "adadelta", {{"rho", 0.95}, {"epsilon", 1e-6}}}},
      {"errors with smooth signs",
       {E::float32, 110, 45, 1},
       {{90, A::softsign}, {17, A::identity}},
       {{L::log_cosh}, false},
       {50, 0.1, "sgd"}},
      {"three quantiles",
       {E::float32, 110, 45, 1},
       {{40, A::tanh}, {6, A::identity}},
       {{L::quantile, 0, 1, {0.1, 0.5, 0.9}}, false},
       {50, 0.1, "sgd"}},
      {"counts",
       {E::float64, 70, 29, 1},
       {{100, A::softplus}, {13, A::softplus}},
       {{L::poisson}, false},
       {63, 0.01, "rmsprop", {{"rho", 0.9}, {"epsilon", 1e-8}}}},
      {"weighted samples",
       {E::float32, 100, 53, 1},
       {{60, A::gelu}, {9, A::sigmoid}},
       {{L::poisson}, false, true},
       {47, 0.01, "adam", {{"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}}}},
      {"weights decay",
       {E::uint8, 95, 143, 0.3},
       {{111, A::gelu}, {1, A::sigmoid}},
       {{L::cross_entropy}, true},
       {27, 0.01, "adam", {{"beta1", 0.9}, {"beta2", 0.99}, {"epsilon", 1e-7}, {"weight_decay", 0.1}}}},
      {"clipped by norm",
       {E::float64, 64, 77, 1},
       {{66, A::silu}, {34, A::tanh}, {4, A::softmax}},
       {{L::cross_entropy}, true},
       {39, 0.02, "nadam", {{"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}, {"clip_norm", 0.3}}}},
      {"clipped by value",
       {E::float32, 71, 50, 1},
       {{96, A::hard_sigmoid}, {7, A::hard_sigmoid}},
       {{L::mse}, false},
       {59,
        0.1,
        "delta_bar_delta",
        {{"momentum", 0.9},
         {"increase", 0.05},
         {"decrease", 0.1},
         {"smoothing", 0.7},
         {"min_gain", 0.1},
         {"max_gain", 10},
         {"clip_value", 0.01}}}},
      {"full batches",
       {E::float64, 85, 19, 1},
       {{81, A::sigmoid}, {11, A::sigmoid}},
       {{L::cross_entropy, 0.05}, false},
       {85, 0.01, "irprop", {{"increase", 1.2}, {"decrease", 0.5}, {"min_step", 1e-6}, {"max_step", 1}}}},
      {"first layer frozen",
       {E::uint8, 73, 90, 0.2},
       {{70, A::tanh, 0, 0, 0, 0, false}, {40, A::relu, 0, 1e-3, 0, 1.5}, {6, A::softmax}},
       {{L::mse}, false},
       {41, 0.1, "sgd", {{"momentum", 0.5}}}},
      {"middle layer frozen",
       {E::float32, 66, 90, 0.2},
       {{70, A::leaky_relu, 0, 1e-4, 1e-3, 1}, {40, A::silu, 0, 0, 0, 0, false}, {6, A::softmax}},
       {{L::cross_entropy}, true},
       {41, 0.1, "sgd", {{"clip_norm", 1}}}},
      {"noise upon the inputs",
       {E::float32, 80, 65, 0.3},
       {{97, A::elu}, {5, A::softmax}},
       {{L::cross_entropy}, true, true},
       {46, 0.05, "rmsprop", {{"rho", 0.9}, {"epsilon", 1e-6}}, 0.1}},
  };
}

// The same samples as dense rows and as sparse ones.
class Inputs {
 public:
  Inputs(const Samples& samples, RandomWords& words) {
    for (size_t i = 0; i < samples.count; ++i) {
      const size_t begin = columns_.size();
      begins_.push_back(int32_t(begin));
      for (size_t k = 0; k < samples.inputs; ++k) {
        // One sample is full: sparse rows get the room of the longest.
        const bool filled = i == 0 || uniform(words.next()) < samples.density;
        const uint8_t value = filled ? uint8_t(1 + words.next() % 255) : uint8_t(0);
        append(dense_, samples.element, value);
        if (!filled) continue;
        append(filled_, samples.element, value);
        columns_.push_back(int32_t(k));
      }
      longest_ = std::max(longest_, columns_.size() - begin);
    }
    begins_.push_back(int32_t(columns_.size()));
    const ptrdiff_t bytes = ptrdiff_t(dense_.size() / (samples.count * samples.inputs));
    const ptrdiff_t row_bytes = bytes * ptrdiff_t(samples.inputs);
    dense = {dense_.data(), samples.element, row_bytes, bytes, samples.count, samples.inputs};
    sparse = {filled_.data(), samples.element, 0, bytes, samples.count, samples.inputs};
    sparse.indices = reinterpret_cast<const char*>(columns_.data());
    sparse.row_begins = reinterpret_cast<const char*>(begins_.data());
    sparse.index_bytes = sizeof(int32_t);
    sparse.stored = columns_.size();
    sparse.longest_row = longest_;
  }
  Inputs(const Inputs&) = delete;

  Source dense, sparse;

 private:
  static void append(std::vector<char>& to, Element element, uint8_t value) {
    if (element == Element::uint8) return append(to, value);
    if (element == Element::float32) return append(to, float(value) / 255);
    append(to, double(value) / 255);
  }
  template <class S>
  static void append(std::vector<char>& to, S value) {
    const char* bytes = reinterpret_cast<const char*>(&value);
    to.insert(to.end(), bytes, bytes + sizeof(S));
  }

  std::vector<char> dense_, filled_;
  std::vector<int32_t> columns_, begins_;
  size_t longest_ = 0;
};

// FNV-1a.
class Hash {
 public:
  template <class S>
  void add(const S* values, size_t count) {
    const unsigned char* bytes = reinterpret_cast<const unsigned char*>(values);
    for (size_t i = 0; i < count * sizeof(S); ++i) value_ = (value_ ^ bytes[i]) * 0x100000001b3;
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

OptimizerSettings optimizer_settings(const std::map<std::string, double>& values) {
  OptimizerSettings settings;
  size_t used = 0;
  const auto set = [&](const auto& field) {
    const auto found = values.find(field.name);
    if (found == values.end()) return;
    auto& member = settings.*field.member;
    member = std::remove_reference_t<decltype(member)>(found->second);
    used += 1;
  };
  std::apply([&](const auto&... fields) { (set(fields), ...); }, OptimizerSettings::fields());
  expect(used == values.size(), "settings have the optimiser's names");
  return settings;
}

template <class T>
Network<T> made_network(const Plan& plan) {
  constexpr Distribution distributions[] = {Distribution::uniform, Distribution::normal, Distribution::orthogonal};
  Network<T> network(plan.samples.inputs);
  std::vector<T> plain;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const Units& units = plan.layers[i];
    const size_t inputs = network.outputs();
    network.add(std::make_unique<Dense<T>>(
        inputs, units.count, typename Dense<T>::Options{units.activation, units.l1, units.l2, units.max_norm}));
    network.layer(i).trainable = units.trainable;
    const double scale = 1 / std::sqrt(double(inputs));
    for (double w : initial_weights(distributions[i], inputs, units.count, scale, 7, i, 0)) plain.push_back(T(w));
    for (size_t j = 0; j < units.count; ++j) plain.push_back(T(units.bias + 0.01 * double(j % 5)));
  }
  network.pack(plain.data(), network.parameters().data());
  network.parameters_changed();
  return network;
}

// The hash of all that a user gets: losses and metrics, parameters, outputs.
template <class T>
uint64_t hash_after_training(const Plan& plan, const Data& data) {
  Network<T> network = made_network<T>(plan);
  const Optimizer optimizer(plan.steps.rule, optimizer_settings(plan.steps.settings));
  OptimizerState<T> state(optimizer, network.parameters().size(), plan.steps.rate);
  std::unique_ptr<EpochWorkspace<T>> workspace;
  Hash hash;
  std::vector<double> rates((plan.samples.count + plan.steps.batch - 1) / plan.steps.batch);
  TeamSize team_size;
  for (uint64_t epoch = 0; epoch < 2; ++epoch) {
    for (size_t i = 0; i < rates.size(); ++i) rates[i] = plan.steps.rate / double(1 + epoch * rates.size() + i);
    const EpochOptions options = {
        plan.steps.batch, true, 5, epoch, plan.goal.loss, rates.data(), plan.steps.input_noise, {0, rates.size()}, {}};
    const EpochResult done = train_epoch(network, state, optimizer, data, options, {}, team_size, workspace);
    expect(done.diverged < 0 && done.steps == rates.size(), "epoch is whole");
    const double means[] = {done.totals.mean_loss(), done.totals.mean_metric()};
    hash.add(means, 2);
  }
  const Evaluation<T> evaluation = evaluate(network, data, plan.goal.loss, team_size);
  hash.add(&evaluation.loss, 1);
  hash.add(&evaluation.metric, 1);
  std::vector<T> parameters(network.parameter_count());
  network.unpack(network.parameters().data(), parameters.data());
  hash.add(parameters.data(), parameters.size());
  std::vector<T> outputs(plan.samples.count * network.outputs());
  Spares<Predictor<T>> spares;
  predict(network, data.inputs, spares, team_size, outputs.data());
  hash.add(outputs.data(), outputs.size());
  return hash.value();
}

void expect_equal(uint64_t got, uint64_t expected, const std::string& what) {
  expect(got == expected, (what + ": other bytes").c_str());
}

// By one thread from dense rows; any number of threads, and sparse rows, must give the same.
template <class T>
uint64_t hash_of(const Plan& plan) {
  const size_t samples = plan.samples.count;
  const size_t outputs = plan.layers.back().count;
  RandomWords words(1, Purpose::weights, 0, 0);
  const Inputs inputs(plan.samples, words);
  std::vector<int64_t> labels(samples);
  std::vector<double> targets(samples * outputs), weights(samples);
  for (int64_t& label : labels) label = int64_t(words.next() % std::max<size_t>(outputs, 2));
  for (double& target : targets) target = uniform(words.next());
  for (size_t i = 0; i < samples; ++i) weights[i] = i % 5 == 0 ? 0 : uniform(words.next());
  const ptrdiff_t bytes = sizeof(double);
  const Source rows = {reinterpret_cast<const char*>(targets.data()),
                       Element::float64,
                       bytes * ptrdiff_t(outputs),
                       bytes,
                       samples,
                       outputs};
  Data data;
  data.targets.labels = plan.goal.labels ? labels.data() : nullptr;
  data.targets.rows = plan.goal.labels ? nullptr : &rows;
  data.weights = plan.goal.weighted ? weights.data() : nullptr;

  uint64_t first = 0;
  for (const size_t threads : {1u, 2u, 3u, 8u}) {
    set_team_sizes(threads == 3 ? TeamSizes::random : TeamSizes::as_asked);
    const std::string what =
        std::string(plan.name) + (sizeof(T) == 4 ? ", float32" : ", float64") + ", threads: " + std::to_string(threads);
    set_num_threads(threads);
    data.inputs = inputs.dense;
    const uint64_t hash = hash_after_training<T>(plan, data);
    if (threads == 1) first = hash;
    expect_equal(hash, first, what);
    // Noise has no sparse rows.
    if (plan.samples.density == 1 || plan.steps.input_noise > 0) continue;
    data.inputs = inputs.sparse;
    expect_equal(hash_after_training<T>(plan, data), first, what + ", sparse");
  }
  return first;
}

void print(const Golden& row) {
  std::printf("    {\"%s\", 0x%016" PRIx64 ", 0x%016" PRIx64 "},\n", row.name, row.float32, row.float64);
}

}  // namespace

int main(int count, char** arguments) {
  set_work_per_thread(20000);  // small networks would take one
  const bool printing = count == 2 && arguments[1] == std::string("--print");
  // It may round twice, and is held to the reference within tolerance only.
  const bool baseline = kernel_table().name == std::string("baseline");
  for (const Plan& plan : plans()) {
    const std::string name = plan.name;
    const Golden got = {plan.name, hash_of<float>(plan), hash_of<double>(plan)};
    if (printing) print(got);
    if (printing || baseline) continue;
    const auto row = std::find_if(golden.begin(), golden.end(), [&](const Golden& g) { return g.name == name; });
    if (row == golden.end()) {
      expect(false, (name + ": no hashes are stored").c_str());
    } else {
      expect_equal(got.float32, row->float32, name + ", float32");
      expect_equal(got.float64, row->float64, name + ", float64");
    }
  }
  return result();
}
