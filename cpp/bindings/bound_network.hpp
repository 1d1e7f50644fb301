// A network of Python's, from one template for both precisions. Each call checks shapes, takes the session's lock and
// releases the interpreter's; many threads may predict with one network at a time, one may change it.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bindings/bindings.hpp"
#include "bindings/bound_data.hpp"
#include "bindings/epoch_arguments.hpp"
#include "bindings/epochs.hpp"
#include "bindings/interpreter_lock.hpp"
#include "bindings/python_loss.hpp"
#include "bindings/python_poll.hpp"
#include "bindings/python_ranks.hpp"
#include "session.hpp"

namespace chainrule::bindings {

template <class T>
class BoundNetwork {
 public:
  using Array = pybind11::array_t<T, pybind11::array::c_style | pybind11::array::forcecast>;
  using Weights = BoundData::Weights;

  BoundNetwork(size_t inputs, bool mixed) : session_(inputs, mixed) {}

  void add_layer(const LayerSettings& settings, const std::vector<int64_t>& sources) {
    const auto lock = to_change();
    for (const int64_t source : sources) {
      require(source >= 0, "a source must be one of the layers below, got layer " + std::to_string(source));
    }
    session_.add_layer(settings, {sources.begin(), sources.end()});
  }

  size_t parameter_count() const { return network().parameter_count(); }

  Array layer_parameters(size_t layer) const {
    const auto lock = session_.lock_to_read();
    Array result(pybind11::ssize_t(session_.layer(layer).parameters().count()));
    session_.get_parameters(layer, result.mutable_data());
    return result;
  }

  void set_layer_parameters(size_t layer, const Array& values) {
    const auto lock = to_change();
    require_size(values, session_.layer(layer).parameters().count(), "values must be all parameters of the layer");
    session_.set_parameters(layer, values.data());
  }

  Array layer_statistics(size_t layer) const {
    const auto lock = session_.lock_to_read();
    Array result(pybind11::ssize_t(session_.layer(layer).traits().statistics_size));
    session_.get_statistics(layer, result.mutable_data());
    return result;
  }

  void set_layer_statistics(size_t layer, const Array& values) {
    const auto lock = to_change();
    require_size(values, session_.layer(layer).traits().statistics_size, "values must be all statistics of the layer");
    session_.set_statistics(layer, values.data());
  }

  Array parameters() const {
    const auto lock = session_.lock_to_read();
    return unpacked(network().parameters());
  }

  void set_parameters(const Array& values) {
    const auto lock = to_change();
    require_size(values, parameter_count(), "parameters must be those of all layers");
    session_.set_parameters(values.data());
  }

  bool needs_whole_batch(size_t layer) const {
    const auto lock = session_.lock_to_read();
    return session_.layer(layer).traits().needs_whole_batch;
  }

  void set_trainable(size_t layer, bool trainable) {
    const auto lock = to_change();
    session_.set_trainable(layer, trainable);
  }

  void set_penalties(size_t layer, double l1, double l2) {
    const auto lock = to_change();
    session_.set_penalties(layer, l1, l2);
  }

  void set_schedule(size_t layer, const std::vector<double>& values) {
    const auto lock = to_change();
    session_.set_schedule(layer, values);
  }

  void set_factors(size_t layer, const std::vector<double>& rate, const std::vector<std::optional<double>>& decay) {
    const auto lock = to_change();
    session_.set_factors(layer, rate, decay);
  }

  double penalty() const {
    const auto lock = session_.lock_to_read();
    return network().penalty();
  }

  // A quick prediction keeps the interpreter's lock: releasing it would take longer.
  Array predict(const pybind11::object& X) const {
    const auto lock = session_.lock_to_read();
    const Source inputs = checked_inputs(X);
    Array outputs({inputs.rows, network().outputs()});
    T* to = outputs.mutable_data();
    if (session_.predicts_quickly(inputs)) {
      session_.predict(inputs, to);
    } else {
      const WithoutInterpreter unlocked;
      session_.predict(inputs, to);
    }
    if (!kernels<T>().all_finite(to, size_t(outputs.size()))) {
      pybind11::module_::import("chainrule.errors")
          .attr("warn")("outputs of predict are not finite: X overflows in a layer");
    }
    return outputs;
  }

  // None if X is not an array that the core can read in place: then the caller converts it, or reports what is wrong.
  pybind11::object predict_in_place(const pybind11::object& X) const {
    if (Py_TYPE(X.ptr()) != pybind11::detail::npy_api::get().PyArray_Type_) return pybind11::none();
    const pybind11::array array = pybind11::reinterpret_borrow<pybind11::array>(X);
    if (array.ndim() != 2 || array.shape(0) == 0 || size_t(array.shape(1)) != network().inputs() ||
        !is_readable(array)) {
      return pybind11::none();
    }
    const Source source = source_of(array, "X");
    return all_finite(source, std::numeric_limits<T>::max()) ? pybind11::object(predict(array)) : pybind11::none();
  }

  Array predict_population(const Array& parameters, const pybind11::object& X) const {
    const auto lock = session_.lock_to_read();
    const Source inputs = checked_inputs(X);
    require(parameters.ndim() == 2 && parameters.shape(0) > 0 && size_t(parameters.shape(1)) == parameter_count(),
            "parameters must have shape (members, parameter_count)");
    const size_t members = size_t(parameters.shape(0));
    Array outputs({members, inputs.rows, network().outputs()});
    const T* from = parameters.data();
    T* to = outputs.mutable_data();
    const WithoutInterpreter unlocked;
    session_.predict_population(from, members, inputs, to);
    return outputs;
  }

  std::unique_ptr<SamplePredictor<T>> sample_predictor() const {
    const auto lock = session_.lock_to_read();
    return session_.sample_predictor();
  }

  std::unique_ptr<Stepper<T>> stepper(size_t streams, size_t carrying) const {
    const auto lock = session_.lock_to_read();
    return session_.stepper(streams, carrying);
  }

  Array forward(const pybind11::array& X, bool training, uint64_t seed, uint64_t epoch) {
    const auto lock = to_change();
    const Source inputs = checked_inputs(X);
    {
      const WithoutInterpreter unlocked;
      session_.forward(inputs, training, seed, epoch);
    }
    return array_of(session_.activations(network().size() - 1));
  }

  Array backward(const Array& output_gradient) {
    const auto lock = to_change();
    require_outputs(output_gradient, session_.last_outputs().rows, "output_gradient");
    const T* from = output_gradient.data();
    RowsView<T> input_gradient = {};
    {
      const WithoutInterpreter unlocked;
      input_gradient = session_.backward(from);
    }
    return array_of(input_gradient);
  }

  // Returns (activations, deltas) of each layer.
  pybind11::list flows(const pybind11::array& X, const Array& errors, bool from_pre_activations) {
    const auto lock = to_change();
    const Source inputs = checked_inputs(X);
    require_outputs(errors, inputs.rows, "errors");
    const T* from = errors.data();
    const auto workspace = [&] {
      const WithoutInterpreter unlocked;
      return session_.flows(inputs, from, from_pre_activations);
    }();
    pybind11::list result;
    for (size_t i = 1; i < workspace.signals().size(); ++i) {
      const Signal<T>& signal = workspace.signals()[i];
      result.append(pybind11::make_tuple(array_of({signal.activations, signal.stride, inputs.rows, signal.size}),
                                         array_of({signal.deltas, signal.stride, inputs.rows, signal.size})));
    }
    return result;
  }

  double loss_and_gradient(const pybind11::object& X, const pybind11::array& y, const Weights& sample_weight,
                           const LossArguments& loss) {
    const auto lock = to_change();
    const BoundData bound = bound_data(X, y, sample_weight, loss);
    session_.check_inputs(bound.data.inputs);
    PythonLoss outside(loss.function, y, bound.data);
    double objective = 0;
    {
      const WithoutInterpreter unlocked;
      objective = session_.loss_and_gradient(bound.data, loss.with(outside));
    }
    outside.rethrow();
    return objective;
  }

  Array gradients() const {
    const auto lock = session_.lock_to_read();
    return unpacked(session_.gradient());
  }

  Array pre_activations(size_t layer) const {
    const auto lock = session_.lock_to_read();
    return array_of(session_.pre_activations(layer));
  }

  Array activations(size_t layer) const {
    const auto lock = session_.lock_to_read();
    return array_of(session_.activations(layer));
  }

  Array deltas(size_t layer) const {
    const auto lock = session_.lock_to_read();
    return array_of(session_.deltas(layer));
  }

  void step(const Optimizer& optimizer, double rate) {
    const auto lock = to_change();
    const WithoutInterpreter unlocked;
    session_.step(optimizer, rate);
  }

  void save_snapshot() {
    const auto lock = to_change();
    session_.save_snapshot();
  }

  void restore_snapshot() {
    const auto lock = to_change();
    session_.restore_snapshot();
  }

  void drop_snapshot() {
    const auto lock = to_change();
    session_.drop_snapshot();
  }

  pybind11::tuple train_epoch(const pybind11::object& X, const pybind11::array& y, const Weights& sample_weight,
                              const EpochArguments& arguments, const EpochPart& part, const pybind11::object& poll,
                              const pybind11::object& ranks) {
    const auto lock = to_change();
    const BoundData bound = bound_data(X, y, sample_weight, arguments.loss);
    session_.check_inputs(bound.data.inputs);
    PythonLoss outside(arguments.loss.function, y, bound.data);
    PythonRanks others(ranks);
    require(others.is_alone() || !(network().needs_whole_batch() || arguments.loss.is_function()),
            "ranks cannot share out batches that a layer or the loss must see whole");
    const EpochOptions options =
        arguments.options(bound.data.inputs.rows, network().sample_block(), 1, part, outside, others);
    PythonPoll ask(poll);
    EpochResult result;
    {
      const WithoutInterpreter unlocked;
      result = session_.train_epoch(bound.data, options, arguments.optimizer, [&](size_t done) { return ask(done); });
    }
    outside.rethrow();
    ask.rethrow();
    others.rethrow();
    return tuple_of(result);
  }

  void train_epochs(const pybind11::object& X, const pybind11::array& y, const Weights& sample_weight,
                    const EpochArguments& arguments, size_t epochs, const pybind11::object& ended, bool after_each) {
    require(!arguments.loss.is_function(), "epochs must be made one by one with a loss that is a function");
    require(epochs > 0, "epochs must be at least one");
    const BoundData bound = [&] {
      const auto lock = to_change();
      checked_inputs(X);
      return bound_data(X, y, sample_weight, arguments.loss);
    }();
    PythonLoss unused(arguments.loss.function, y, bound.data);
    const EpochOptions first = arguments.options(bound.data.inputs.rows, network().sample_block(), epochs,
                                                 {0, std::nullopt, {}}, unused, alone);
    bindings::train_epochs(session_, bound.data, first, arguments.optimizer, epochs, ended, after_each);
  }

  pybind11::tuple evaluate(const pybind11::object& X, const pybind11::array& y, const Weights& sample_weight,
                           const LossArguments& loss, const pybind11::object& ranks,
                           const SamplesOfRanks& samples_of_ranks) const {
    const auto lock = session_.lock_to_read();
    const Evaluating here(this);
    const BoundData bound = bound_data(X, y, sample_weight, loss);
    session_.check_inputs(bound.data.inputs);
    PythonLoss outside(loss.function, y, bound.data);
    PythonRanks others(ranks);
    check_samples(samples_of_ranks, others, bound.data.inputs.rows);
    Evaluation<T> evaluation;
    {
      const WithoutInterpreter unlocked;
      evaluation = session_.evaluate(bound.data, loss.with(outside), others, samples_of_ranks);
    }
    outside.rethrow();
    others.rethrow();
    return pybind11::make_tuple(evaluation.loss, evaluation.metric);
  }

  std::string optimizer_rule() const {
    const auto lock = session_.lock_to_read();
    const OptimizerState<T>& state = session_.optimizer_state();
    return state.started() ? name_of(state.rule()) : "";
  }

  size_t optimizer_steps() const {
    const auto lock = session_.lock_to_read();
    return session_.optimizer_state().steps();
  }

  pybind11::dict optimizer_state() const {
    const auto lock = session_.lock_to_read();
    const OptimizerState<T>& state = session_.optimizer_state();
    pybind11::dict result;
    for (size_t i = 0; i < state.slots().size(); ++i) {
      result[pybind11::str(slot_names(state.rule())[i])] = unpacked(state.slots()[i]);
    }
    return result;
  }

  void set_optimizer_state(const std::string& rule, size_t steps, const std::map<std::string, Array>& values) {
    const auto lock = to_change();
    const Rule kind = rule_named(rule);
    require(values.size() == slot_names(kind).size(), "state must have the slots of the rule");
    OptimizerState<T> state(kind, network().parameters().size(), steps);
    for (size_t i = 0; i < state.slots().size(); ++i) {
      const auto found = values.find(slot_names(kind)[i]);
      require(found != values.end(), "state must have the slot '" + slot_names(kind)[i] + "'");
      require(size_t(found->second.size()) == parameter_count(), "state must have shape (parameter_count,)");
      network().pack(found->second.data(), state.slots()[i].data());
    }
    session_.set_optimizer_state(std::move(state));
  }

  void reset_optimizer() {
    const auto lock = to_change();
    session_.set_optimizer_state({});
  }

 private:
  // Waits for the threads that read; they need the interpreter to finish.
  typename Session<T>::ChangeLock to_change() {
    if (Evaluating::holds(this)) throw std::runtime_error("a loss must not change the network that it evaluates");
    const WithoutInterpreter unlocked;
    return session_.lock_to_change();
  }

  const Network<T>& network() const { return session_.network(); }

  Source checked_inputs(const pybind11::object& X) const {
    const Source inputs = samples_of(X, "X");
    session_.check_inputs(inputs);
    return inputs;
  }

  BoundData bound_data(const pybind11::object& X, const pybind11::array& y, const Weights& weights,
                       const LossArguments& loss) const {
    const size_t columns = session_.target_columns(loss.loss);
    const std::optional<size_t> fixed = loss.is_function() ? std::nullopt : std::optional<size_t>(columns);
    return BoundData(X, y, weights, network().outputs(), fixed, network().softmax_places());
  }

  static void require_size(const Array& values, size_t size, const std::string& what) {
    require(values.ndim() == 1 && size_t(values.size()) == size,
            what + ", shape (" + std::to_string(size) + ",), got " + std::to_string(values.size()) + " numbers");
  }

  void require_outputs(const Array& values, size_t rows, const std::string& name) const {
    require(values.ndim() == 2 && size_t(values.shape(0)) == rows && size_t(values.shape(1)) == network().outputs(),
            name + " must have the shape of the outputs, (samples, outputs)");
  }

  Array unpacked(const AlignedArray<T>& packed) const {
    Array result = Array(pybind11::ssize_t(parameter_count()));
    network().unpack(packed.data(), result.mutable_data());
    return result;
  }

  static Array array_of(const RowsView<T>& view) {
    Array result({view.rows, view.columns});
    copy_rows(view.values, view.stride, result.mutable_data(), view.columns, {0, view.rows}, view.columns);
    return result;
  }

  Session<T> session_;
};

}  // namespace chainrule::bindings
