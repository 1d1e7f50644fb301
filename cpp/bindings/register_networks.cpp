// The networks of both precisions, from one template. Each call checks shapes, takes the network's lock and gives the
// interpreter free; many threads may predict with one network at a time, one may change it.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>

#include "base/random.hpp"
#include "bindings/bindings.hpp"
#include "data/sizes.hpp"
#include "layers/make_layer.hpp"
#include "network/network.hpp"
#include "prediction/population.hpp"
#include "prediction/predictor.hpp"
#include "prediction/sample_predictor.hpp"
#include "prediction/stepper.hpp"
#include "training/epoch.hpp"
#include "training/evaluate.hpp"
#include "training/whole_gradient.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

const std::map<std::string, Activation>& activations() {
  static const std::map<std::string, Activation> table = {
      {"identity", Activation::identity},
      {"sigmoid", Activation::sigmoid},
      {"tanh", Activation::tanh},
      {"relu", Activation::relu},
      {"leaky_relu", Activation::leaky_relu},
      {"elu", Activation::elu},
      {"selu", Activation::selu},
      {"softplus", Activation::softplus},
      {"softsign", Activation::softsign},
      {"gelu", Activation::gelu},
      {"silu", Activation::silu},
      {"hard_sigmoid", Activation::hard_sigmoid},
      {"exp", Activation::exp},
      {"softmax", Activation::softmax},
  };
  return table;
}

void require(bool condition, const std::string& message) {
  if (!condition) throw py::value_error(message);
}

bool takes(LossKind loss, Activation output, size_t outputs) {
  if (loss == LossKind::gaussian_nll) return output == Activation::identity && outputs % 2 == 0;
  if (loss == LossKind::cross_entropy) return output == Activation::softmax || output == Activation::sigmoid;
  if (loss == LossKind::poisson) {
    return output == Activation::softplus || output == Activation::sigmoid || output == Activation::exp;
  }
  return true;
}

// Samples and targets with the arrays that they lie in.
class BoundData {
 public:
  BoundData(const py::object& X, const py::array& y, const std::optional<py::array_t<double>>& weights, size_t inputs,
            size_t outputs, size_t target_columns, Activation output)
      : X_(X), y_(y), weights_(weights) {
    data.inputs = samples_of(X, "X");
    require(data.inputs.columns == inputs, "X must have shape (samples, inputs)");
    require(data.inputs.rows > 0, "X must have at least one sample");
    require(y.ndim() >= 1 && size_t(y.shape(0)) == data.inputs.rows, "X and y must have the same length");
    if (y.ndim() == 1) {
      bind_labels(target_columns);
    } else {
      rows_ = source_of(y, "y");
      require(rows_.columns == target_columns, "y must have shape (samples, targets)");
      data.targets.rows = &rows_;
    }
    if (weights.has_value()) {
      const bool is_packed = (weights->flags() & py::array::c_style) != 0 && is_aligned(*weights);
      require(weights->ndim() >= 1 && size_t(weights->shape(0)) == data.inputs.rows && is_packed,
              "sample_weight must be contiguous and aligned, of shape (samples,) or (samples, steps)");
      data.weights = weights->data();
      if (weights->ndim() > 1) bind_step_weights(outputs, output);
    }
  }
  BoundData(const BoundData&) = delete;
  BoundData& operator=(const BoundData&) = delete;

  Data data;

 private:
  // A sample's weight is the mean of its steps' ones, which are relative to it from then on.
  void bind_step_weights(size_t outputs, Activation output) {
    const size_t steps = size_t(weights_->shape(1));
    require(weights_->ndim() == 2 && steps > 0 && outputs % steps == 0 && output != Activation::softmax,
            "sample_weight of shape (samples, steps) needs outputs of as many steps");
    step_weights_.assign(weights_->data(), weights_->data() + weights_->size());
    for (size_t first = 0; first < step_weights_.size(); first += steps) {
      double sum = 0;
      for (size_t step = 0; step < steps; ++step) sum += step_weights_[first + step];
      const double mean = sum / double(steps);
      for (size_t step = 0; step < steps && mean > 0; ++step) step_weights_[first + step] /= mean;
      means_.push_back(mean);
    }
    data.weights = means_.data();
    data.step_weights = step_weights_.data();
    data.steps = steps;
  }

  // A label is an index into the targets: one out of range would write outside of the targets.
  void bind_labels(size_t target_columns) {
    const bool contiguous = y_.strides(0) == py::ssize_t(sizeof(int64_t)) || y_.shape(0) == 1;
    if (!py::isinstance<py::array_t<int64_t>>(y_) || !contiguous || !is_aligned(y_)) {
      throw py::type_error("labels y must be a contiguous, aligned array of int64");
    }
    const int64_t* labels = static_cast<const int64_t*>(y_.data());
    const int64_t classes = target_columns == 1 ? 2 : int64_t(target_columns);
    const bool in_range =
        std::all_of(labels, labels + data.inputs.rows, [&](int64_t label) { return label >= 0 && label < classes; });
    require(in_range, "labels y must be in [0, " + std::to_string(classes) + ")");
    data.targets.labels = labels;
  }

  py::object X_;
  py::array y_;
  std::optional<py::array_t<double>> weights_;
  std::vector<double> means_, step_weights_;
  Source rows_ = {};
};

template <class T>
class BoundNetwork {
 public:
  using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;
  using Weights = std::optional<py::array_t<double>>;

  explicit BoundNetwork(size_t inputs) : network_(inputs) { require(inputs > 0, "inputs must be positive"); }
  ~BoundNetwork() { delete_predictor(); }
  BoundNetwork(const BoundNetwork&) = delete;
  BoundNetwork& operator=(const BoundNetwork&) = delete;

  void add_layer(const std::string& kind, const std::string& activation, const std::map<std::string, double>& numbers) {
    const auto found = activations().find(activation);
    require(found != activations().end(), "unknown activation '" + activation + "'");
    const Exclusive lock(*this);
    require(network_.output_activation() != Activation::softmax, "softmax must be on the last layer");
    LayerSettings settings = {kind, network_.outputs(), found->second, numbers};
    network_.add(make_layer<T>(settings), sources_of(settings, network_.size()));
    settings_.push_back(std::move(settings));
    delete_predictor();
    epoch_workspace_.reset();
    forget_pass();
    state_ = OptimizerState<T>();
  }

  size_t parameter_count() const { return network_.parameter_count(); }

  Array layer_parameters(size_t layer) const {
    const Shared lock(*this);
    Array result(py::ssize_t(checked_layer(layer).parameters().count()));
    network_.layer(layer).parameters().unpack(network_.parameters().data() + network_.offset(layer),
                                              result.mutable_data());
    return result;
  }

  void set_layer_parameters(size_t layer, const Array& values) {
    const Exclusive lock(*this);
    require(values.ndim() == 1 && size_t(values.size()) == checked_layer(layer).parameters().count(),
            "values must be all parameters of the layer");
    network_.layer(layer).parameters().pack(values.data(), network_.parameters().data() + network_.offset(layer));
    network_.parameters_changed();
    forget_pass();
  }

  Array layer_statistics(size_t layer) const {
    const Shared lock(*this);
    return Array(py::ssize_t(checked_layer(layer).traits().statistics_size),
                 network_.statistics().data() + network_.statistics_offset(layer));
  }

  void set_layer_statistics(size_t layer, const Array& values) {
    const Exclusive lock(*this);
    require(values.ndim() == 1 && size_t(values.size()) == checked_layer(layer).traits().statistics_size,
            "values must be all statistics of the layer");
    std::copy_n(values.data(), values.size(), network_.statistics().data() + network_.statistics_offset(layer));
    forget_pass();
  }

  Array parameters() const {
    const Shared lock(*this);
    return unpacked(network_.parameters());
  }

  void set_parameters(const Array& values) {
    const Exclusive lock(*this);
    require(values.ndim() == 1 && size_t(values.size()) == network_.parameter_count(),
            "parameters must have shape (parameter_count,)");
    network_.pack(values.data(), network_.parameters().data());
    network_.parameters_changed();
    forget_pass();
  }

  void set_trainable(size_t layer, bool trainable) {
    const Exclusive lock(*this);
    checked_layer(layer);
    network_.layer(layer).trainable = trainable;
  }

  void set_penalties(size_t layer, double l1, double l2) {
    const Exclusive lock(*this);
    checked_layer(layer);
    network_.layer(layer).parameters().set_penalties(l1, l2);
    forget_pass();
  }

  double penalty() const {
    const Shared lock(*this);
    return network_.penalty();
  }

  // Few samples are predicted in a room that is kept, without giving the interpreter free: both would take longer than
  // the arithmetic. Several threads may come at once; who finds the room taken makes another.
  Array predict(const py::object& X) const {
    const Shared lock(*this);
    const Source inputs = checked_inputs(X);
    Array outputs({inputs.rows, network_.outputs()});
    T* to = outputs.mutable_data();
    if (double(inputs.rows) * network_.work(inputs.entries()) > quick_work || inputs.rows > quick_rows ||
        inputs.sparse()) {
      const py::gil_scoped_release unlocked;
      chainrule::predict(network_, inputs, to);
      return outputs;
    }
    std::unique_ptr<Predictor<T>> predictor(cached_predictor_.exchange(nullptr));
    if (predictor == nullptr || !predictor->fits(inputs)) {
      predictor = std::make_unique<Predictor<T>>(network_, inputs, inputs.rows);
    }
    run_team(1, [&](const Team&) { predictor->predict(inputs, {0, inputs.rows}, to); });
    predictor.reset(cached_predictor_.exchange(predictor.release()));
    return outputs;
  }

  // None, where X is not an array that the core reads as it is: then somebody else converts it, or says what is wrong.
  py::object predict_in_place(const py::object& X) const {
    if (Py_TYPE(X.ptr()) != py::detail::npy_api::get().PyArray_Type_) return py::none();
    const py::array array = py::reinterpret_borrow<py::array>(X);
    if (array.ndim() != 2 || array.shape(0) == 0 || size_t(array.shape(1)) != network_.inputs() ||
        !is_readable(array)) {
      return py::none();
    }
    const Source source = source_of(array, "X");
    return all_finite(source, std::numeric_limits<T>::max()) ? py::object(predict(array)) : py::none();
  }

  // With each row of `parameters` in the place of the network's own.
  Array predict_population(const Array& parameters, const py::object& X) const {
    const Shared lock(*this);
    const Source inputs = checked_inputs(X);
    require(
        parameters.ndim() == 2 && parameters.shape(0) > 0 && size_t(parameters.shape(1)) == network_.parameter_count(),
        "parameters must have shape (members, parameter_count)");
    const size_t members = size_t(parameters.shape(0));
    Array outputs({members, inputs.rows, network_.outputs()});
    const T* from = parameters.data();
    T* to = outputs.mutable_data();
    const py::gil_scoped_release unlocked;
    chainrule::predict_population<T>([this] { return copied_network(); }, from, members, inputs, to);
    return outputs;
  }

  std::unique_ptr<SamplePredictor<T>> sample_predictor() const {
    const Shared lock(*this);
    checked_outputs();
    require(network_.is_row_product(), "a single sample needs dense layers alone");
    return std::make_unique<SamplePredictor<T>>(network_);
  }

  // The network must live as long, and not change.
  std::unique_ptr<Stepper<T>> stepper(size_t streams) const {
    const Shared lock(*this);
    checked_outputs();
    require(streams > 0, "streams must be positive");
    return std::make_unique<Stepper<T>>(network_, streams);
  }

  // With `training`, noise is drawn with these words, and statistics are the batch's.
  Array forward(const py::array& X, bool training, uint64_t seed, uint64_t epoch) {
    const Exclusive lock(*this);
    const Source inputs = checked_inputs(X);
    start_pass(inputs.rows);
    pass_ = {training, seed, epoch, 0};
    {
      const py::gil_scoped_release unlocked;
      std::vector<Signal<T>>& signals = workspace_->signals();
      for (size_t i = 0; i < inputs.rows; ++i) {
        gather_row(inputs, i, true, signals[0].activations + i * signals[0].stride);
      }
      run_team(1, [&](const Team& team) {
        network_.forward(team, signals, inputs.rows, pass_);
        if (training) network_.update_statistics(team, signals);
      });
    }
    pass_samples_ = inputs.rows;
    return rows_of(workspace_->output(), workspace_->output().activations);
  }

  Array backward(const Array& output_gradient) {
    const Exclusive lock(*this);
    if (pass_samples_ == 0) throw std::runtime_error("backward needs a forward before it");
    const Signal<T>& output = workspace_->output();
    require(output_gradient.ndim() == 2 && size_t(output_gradient.shape(0)) == pass_samples_ &&
                size_t(output_gradient.shape(1)) == output.size,
            "output_gradient must have the shape of the outputs, (samples, outputs)");
    const T* from = output_gradient.data();
    {
      const py::gil_scoped_release unlocked;
      std::memset(output.deltas, 0, pass_samples_ * output.stride * sizeof(T));
      for (size_t i = 0; i < pass_samples_; ++i) {
        std::copy_n(from + i * output.size, output.size, output.deltas + i * output.stride);
      }
      run_team(1, [&](const Team&) {
        kernels<T>().activation_gradient({output.pre_activations,
                                          output.activations,
                                          output.deltas,
                                          output.stride,
                                          output.size,
                                          {0, pass_samples_},
                                          output.activation});
      });
      chainrule::backward(network_, *workspace_, pass_samples_, pass_, fresh_gradient());
    }
    has_deltas_ = has_gradient_ = true;
    const Signal<T>& input = workspace_->signals()[0];
    return rows_of(input, input.deltas);
  }

  double loss_and_gradient(const py::object& X, const py::array& y, const Weights& sample_weight, const Loss& loss) {
    const Exclusive lock(*this);
    const BoundData bound(X, y, sample_weight, network_.inputs(), checked_outputs(), checked_targets(loss), output());
    check_sparse(bound.data.inputs);
    pass_ = {};
    start_pass(chunk_size(network_, bound.data.inputs, bound.data.inputs.rows));
    double objective = 0;
    {
      const py::gil_scoped_release unlocked;
      objective = chainrule::loss_and_gradient(network_, *workspace_, bound.data, loss, fresh_gradient());
    }
    // The stages of a large batch are gone with its chunks; only those of a whole one can be shown.
    const bool whole = workspace_->capacity() == bound.data.inputs.rows;
    pass_samples_ = whole ? bound.data.inputs.rows : 0;
    has_deltas_ = whole;
    has_gradient_ = true;
    return objective;
  }

  Array gradients() const {
    const Shared lock(*this);
    if (!has_gradient_) throw std::runtime_error("there are no gradients before backward or loss_and_gradient");
    return unpacked(gradient_);
  }

  Array pre_activations(size_t layer) const {
    const Shared lock(*this);
    const Signal<T>& signal = checked_signal(layer);
    if (signal.pre_activations == signal.activations && signal.activation != Activation::identity) {
      throw std::runtime_error("the pre-activations of this layer are not kept");
    }
    return rows_of(signal, signal.pre_activations);
  }

  Array layer_activations(size_t layer) const {
    const Shared lock(*this);
    const Signal<T>& signal = checked_signal(layer);
    return rows_of(signal, signal.activations);
  }

  Array deltas(size_t layer) const {
    const Shared lock(*this);
    const Signal<T>& signal = checked_signal(layer);
    if (!has_deltas_) throw std::runtime_error("there are no deltas before backward or loss_and_gradient");
    return rows_of(signal, signal.deltas);
  }

  void step(const Optimizer& optimizer, double rate) {
    const Exclusive lock(*this);
    if (!has_gradient_) throw std::runtime_error("step needs gradients: call backward or loss_and_gradient first");
    prepare_state(optimizer, rate);
    const py::gil_scoped_release unlocked;
    chainrule::step(network_, state_, optimizer, rate, gradient_.data());
  }

  // Keeps parameters, statistics and the optimiser's state, for a return to them from a training that diverged.
  void remember() {
    const Exclusive lock(*this);
    remembered_parameters_ = network_.parameters();
    remembered_statistics_ = network_.statistics();
    remembered_state_ = state_;
  }

  void go_back() {
    const Exclusive lock(*this);
    require(remembered_parameters_.size() == network_.parameters().size(), "there is nothing to go back to");
    network_.parameters() = remembered_parameters_;
    network_.statistics() = remembered_statistics_;
    network_.parameters_changed();
    state_ = remembered_state_;
    forget_pass();
  }

  void forget() {
    const Exclusive lock(*this);
    remembered_parameters_ = AlignedArray<T>();
    remembered_statistics_ = AlignedArray<T>();
    remembered_state_ = OptimizerState<T>();
    epoch_workspace_.reset();
  }

  py::tuple train_epoch(const py::object& X, const py::array& y, const Weights& sample_weight, size_t batch_size,
                        bool shuffle, uint64_t seed, uint64_t epoch, const Loss& loss, const Optimizer& optimizer,
                        const py::array_t<double, py::array::c_style | py::array::forcecast>& rates, double input_noise,
                        const py::object& poll, size_t first_step, const std::optional<size_t>& last_step,
                        const std::tuple<double, double, double>& totals) {
    const Exclusive lock(*this);
    const BoundData bound(X, y, sample_weight, network_.inputs(), checked_outputs(), checked_targets(loss), output());
    check_sparse(bound.data.inputs);
    require(batch_size > 0, "batch_size must be positive");
    const size_t samples = bound.data.inputs.rows;
    const size_t steps = samples / batch_size + (samples % batch_size != 0);
    require(rates.ndim() == 1 && size_t(rates.size()) == steps, "rates must have one element a step");
    const Range part = {first_step, last_step.value_or(steps)};
    require(part.begin < part.end && part.end <= steps, "first_step and last_step must be a part of the epoch");
    prepare_state(optimizer, rates.data()[0]);
    forget_pass();

    std::exception_ptr error;
    bool paused = false;
    const Poll ask = [&](size_t done) {
      const py::gil_scoped_acquire locked;
      try {
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        if (!poll.is_none()) paused = py::cast<bool>(py::bool_(poll(done)));
      } catch (...) {
        error = std::current_exception();
      }
      return error == nullptr && !paused;
    };
    const auto [weight, loss_sum, metric_sum] = totals;
    const EpochOptions options = {
        batch_size, shuffle, seed, epoch, loss, rates.data(), input_noise, part, {weight, loss_sum, metric_sum}};
    EpochResult result;
    {
      const py::gil_scoped_release unlocked;
      result = chainrule::train_epoch(network_, state_, optimizer, bound.data, options, ask, epoch_workspace_);
    }
    if (error != nullptr) std::rethrow_exception(error);
    const Totals& sums = result.totals;
    return py::make_tuple(result.steps, py::make_tuple(sums.weight, sums.loss, sums.metric), result.diverged);
  }

  py::tuple evaluate(const py::object& X, const py::array& y, const Weights& sample_weight, const Loss& loss) const {
    const Shared lock(*this);
    const BoundData bound(X, y, sample_weight, network_.inputs(), checked_outputs(), checked_targets(loss), output());
    check_sparse(bound.data.inputs);
    Evaluation<T> evaluation;
    {
      const py::gil_scoped_release unlocked;
      evaluation = chainrule::evaluate(network_, bound.data, loss);
    }
    return py::make_tuple(evaluation.loss, evaluation.metric);
  }

  std::string optimizer_rule() const {
    const Shared lock(*this);
    return state_.started() ? name_of(state_.rule()) : "";
  }

  size_t optimizer_steps() const {
    const Shared lock(*this);
    return state_.steps();
  }

  py::dict optimizer_state() const {
    const Shared lock(*this);
    py::dict result;
    for (size_t i = 0; i < state_.slots().size(); ++i) {
      result[py::str(slot_names(state_.rule())[i])] = unpacked(state_.slots()[i]);
    }
    return result;
  }

  void set_optimizer_state(const std::string& rule, size_t steps, const std::map<std::string, Array>& values) {
    const Exclusive lock(*this);
    const Rule kind = rule_named(rule);
    require(values.size() == slot_names(kind).size(), "state must have the slots of the rule");
    OptimizerState<T> state(kind, network_.parameters().size(), steps);
    for (size_t i = 0; i < state.slots().size(); ++i) {
      const auto found = values.find(slot_names(kind)[i]);
      require(found != values.end(), "state must have the slot '" + slot_names(kind)[i] + "'");
      require(size_t(found->second.size()) == network_.parameter_count(), "state must have shape (parameter_count,)");
      network_.pack(found->second.data(), state.slots()[i].data());
    }
    state_ = std::move(state);
  }

  void reset_optimizer() {
    const Exclusive lock(*this);
    state_ = OptimizerState<T>();
  }

 private:
  void delete_predictor() { const std::unique_ptr<Predictor<T>> last(cached_predictor_.exchange(nullptr)); }

  class Exclusive {
   public:
    explicit Exclusive(const BoundNetwork& network) : lock_(network.mutex_, std::try_to_lock) {
      if (!lock_.owns_lock()) throw std::runtime_error("the network is in use by another thread");
    }

   private:
    std::unique_lock<std::shared_mutex> lock_;
  };
  class Shared {
   public:
    explicit Shared(const BoundNetwork& network) : lock_(network.mutex_, std::try_to_lock) {
      if (!lock_.owns_lock()) throw std::runtime_error("the network is being changed by another thread");
    }

   private:
    std::shared_lock<std::shared_mutex> lock_;
  };

  // Layers of the same kinds and statistics; the parameters are zero.
  Network<T> copied_network() const {
    Network<T> copy(network_.inputs());
    for (const LayerSettings& settings : settings_)
      copy.add(make_layer<T>(settings), sources_of(settings, copy.size()));
    copy.statistics() = network_.statistics();
    return copy;
  }

  const Layer<T>& checked_layer(size_t layer) const {
    if (layer >= network_.size()) throw py::index_error("no layer " + std::to_string(layer));
    return network_.layer(layer);
  }

  const Signal<T>& checked_signal(size_t layer) const {
    checked_layer(layer);
    if (pass_samples_ == 0) throw std::runtime_error("there was no forward pass, or it was too large to keep");
    return workspace_->signals()[layer + 1];
  }

  size_t checked_outputs() const {
    require(network_.size() > 0, "the network has no layers");
    return network_.outputs();
  }

  Activation output() const { return network_.output_activation(); }

  Source checked_inputs(const py::object& X) const {
    checked_outputs();
    const Source inputs = samples_of(X, "X");
    require(inputs.columns == network_.inputs(), "X must have shape (samples, inputs)");
    require(inputs.rows > 0, "X must have at least one sample");
    check_sparse(inputs);
    return inputs;
  }

  void check_sparse(const Source& inputs) const {
    require(!inputs.sparse() || network_.layer(0).traits().is_row_product, "a sparse X needs a dense first layer");
  }

  // How many targets a sample has.
  size_t checked_targets(const Loss& loss) const {
    const size_t outputs = checked_outputs();
    require(takes(loss.kind, network_.output_activation(), outputs), "this loss does not go with the outputs");
    return target_columns(loss, outputs);
  }

  Array unpacked(const AlignedArray<T>& packed) const {
    Array result(py::ssize_t(network_.parameter_count()));
    network_.unpack(packed.data(), result.mutable_data());
    return result;
  }

  Array rows_of(const Signal<T>& signal, const T* from) const {
    Array result({pass_samples_, signal.size});
    T* to = result.mutable_data();
    for (size_t i = 0; i < pass_samples_; ++i) std::copy_n(from + i * signal.stride, signal.size, to + i * signal.size);
    return result;
  }

  void prepare_state(const Optimizer& optimizer, double rate) {
    if (state_.started() && state_.rule() == optimizer.rule()) return;
    state_ = OptimizerState<T>(optimizer, network_.parameters().size(), rate);
  }

  // Activations and gradients of other parameters are worth nothing.
  void forget_pass() {
    pass_samples_ = 0;
    has_deltas_ = has_gradient_ = false;
  }

  void start_pass(size_t capacity) {
    forget_pass();
    if (workspace_ == nullptr || workspace_->capacity() != capacity ||
        workspace_->signals().size() != network_.size() + 1) {
      workspace_ = std::make_unique<Workspace<T>>(network_, capacity, Workspace<T>::Purpose::pass);
    }
  }

  T* fresh_gradient() {
    if (gradient_.size() != network_.parameters().size()) gradient_ = AlignedArray<T>(network_.parameters().size());
    return gradient_.data();
  }

  static constexpr double quick_work = 300000;
  static constexpr size_t quick_rows = 16;

  mutable std::shared_mutex mutex_;
  Network<T> network_;
  std::vector<LayerSettings> settings_;  // that the network's layers were made from
  mutable std::atomic<Predictor<T>*> cached_predictor_{nullptr};
  OptimizerState<T> state_;
  AlignedArray<T> remembered_parameters_, remembered_statistics_;
  OptimizerState<T> remembered_state_;
  std::unique_ptr<EpochWorkspace<T>> epoch_workspace_;
  std::unique_ptr<Workspace<T>> workspace_;
  AlignedArray<T> gradient_;
  Pass pass_;
  size_t pass_samples_ = 0;
  bool has_deltas_ = false;
  bool has_gradient_ = false;
};

template <class T>
void register_network(py::module_& module, const char* name) {
  using Net = BoundNetwork<T>;
  py::class_<Net>(module, name)
      .def(py::init<size_t>(), py::arg("inputs"))
      .def("add_layer", &Net::add_layer, py::arg("kind"), py::arg("activation"), py::arg("numbers"))
      .def_property_readonly("parameter_count", &Net::parameter_count)
      .def("layer_parameters", &Net::layer_parameters, py::arg("layer"))
      .def("set_layer_parameters", &Net::set_layer_parameters, py::arg("layer"), py::arg("values"))
      .def("layer_statistics", &Net::layer_statistics, py::arg("layer"))
      .def("set_layer_statistics", &Net::set_layer_statistics, py::arg("layer"), py::arg("values"))
      .def("parameters", &Net::parameters)
      .def("set_parameters", &Net::set_parameters, py::arg("values"))
      .def("set_trainable", &Net::set_trainable, py::arg("layer"), py::arg("trainable"))
      .def("set_penalties", &Net::set_penalties, py::arg("layer"), py::arg("l1"), py::arg("l2"))
      .def("penalty", &Net::penalty)
      .def("predict", &Net::predict, py::arg("X"))
      .def("predict_in_place", &Net::predict_in_place, py::arg("X"))
      .def("predict_population", &Net::predict_population, py::arg("parameters"), py::arg("X"))
      .def("sample_predictor", &Net::sample_predictor)
      .def("stepper", &Net::stepper, py::keep_alive<0, 1>(), py::arg("streams"))
      .def("forward", &Net::forward, py::arg("X"), py::arg("training") = false, py::arg("seed") = 0,
           py::arg("epoch") = 0)
      .def("backward", &Net::backward, py::arg("output_gradient"))
      .def("loss_and_gradient", &Net::loss_and_gradient, py::arg("X"), py::arg("y"),
           py::arg("sample_weight").none(true), py::arg("loss"))
      .def("gradients", &Net::gradients)
      .def("pre_activations", &Net::pre_activations, py::arg("layer"))
      .def("activations", &Net::layer_activations, py::arg("layer"))
      .def("deltas", &Net::deltas, py::arg("layer"))
      .def("step", &Net::step, py::arg("optimizer"), py::arg("rate"))
      .def("train_epoch", &Net::train_epoch, py::arg("X"), py::arg("y"), py::arg("sample_weight").none(true),
           py::arg("batch_size"), py::arg("shuffle"), py::arg("seed"), py::arg("epoch"), py::arg("loss"),
           py::arg("optimizer"), py::arg("rates"), py::arg("input_noise"), py::arg("poll").none(true),
           py::arg("first_step") = 0, py::arg("last_step").none(true) = py::none(),
           py::arg("totals") = std::make_tuple(0.0, 0.0, 0.0))
      .def("remember", &Net::remember)
      .def("go_back", &Net::go_back)
      .def("forget", &Net::forget)
      .def("evaluate", &Net::evaluate, py::arg("X"), py::arg("y"), py::arg("sample_weight").none(true), py::arg("loss"))
      .def_property_readonly("optimizer_rule", &Net::optimizer_rule)
      .def_property_readonly("optimizer_steps", &Net::optimizer_steps)
      .def("optimizer_state", &Net::optimizer_state)
      .def("set_optimizer_state", &Net::set_optimizer_state, py::arg("rule"), py::arg("steps"), py::arg("state"))
      .def("reset_optimizer", &Net::reset_optimizer);
}

template <class T>
void register_stepper(py::module_& module, const char* name) {
  using Array = typename BoundNetwork<T>::Array;
  py::class_<Stepper<T>>(module, name)
      .def(
          "step",
          [](Stepper<T>& self, const Array& inputs) {
            require(inputs.ndim() == 2 && size_t(inputs.shape(0)) == self.streams() &&
                        size_t(inputs.shape(1)) == self.inputs(),
                    "x must have shape (streams, inputs)");
            require(kernels<T>().all_finite(inputs.data(), size_t(inputs.size())), "x must be finite");
            Array outputs({self.streams(), self.outputs()});
            self.step(inputs.data(), outputs.mutable_data());
            return outputs;
          },
          py::arg("inputs"))
      .def("reset", &Stepper<T>::reset);
}

}  // namespace

void register_networks(py::module_& module) {
  py::class_<SparseMatrix>(module, "SparseMatrix")
      .def(py::init<py::array, py::array, py::array, size_t>(), py::arg("data"), py::arg("indices"),
           py::arg("row_begins"), py::arg("columns"))
      .def("__len__", [](const SparseMatrix& matrix) { return matrix.source.rows; })
      .def_property_readonly("columns", [](const SparseMatrix& matrix) { return matrix.source.columns; });
  register_stepper<float>(module, "StepperFloat32");
  register_stepper<double>(module, "StepperFloat64");
  register_network<float>(module, "NetworkFloat32");
  register_network<double>(module, "NetworkFloat64");
}

}  // namespace chainrule::bindings
