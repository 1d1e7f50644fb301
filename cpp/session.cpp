#include "session.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "base/tuning.hpp"
#include "data/sizes.hpp"
#include "prediction/population.hpp"
#include "training/whole_gradient.hpp"

namespace chainrule {

namespace {

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

}  // namespace

template <class T>
Session<T>::Session(size_t inputs, bool mixed) : network_(inputs, mixed) {
  require(inputs > 0, "inputs must be positive");
  require(!mixed || sizeof(T) == sizeof(float), "mixed precision is for float32");
}

template <class T>
typename Session<T>::ReadLock Session<T>::lock_to_read() const {
  ReadLock lock(mutex_, std::defer_lock);
  if (changing_ || !lock.try_lock()) throw std::runtime_error("the network is being changed by another thread");
  return lock;
}

template <class T>
Session<T>::ChangeLock::ChangeLock(Session& session) : session_(session) {
  if (session_.changing_.exchange(true)) throw std::runtime_error("the network is in use by another thread");
  session_.mutex_.lock();
}

template <class T>
Session<T>::ChangeLock::~ChangeLock() {
  session_.mutex_.unlock();
  session_.changing_ = false;
}

template <class T>
void Session<T>::add_layer(LayerSettings settings, std::vector<size_t> sources) {
  require(network_.output_activation() != Activation::softmax, "softmax must be on the last layer");
  network_.add(make_layer<T>(settings, network_.outputs()), std::move(sources));
  settings_.push_back(std::move(settings));
  predictors_.clear();
  epoch_workspace_.reset();
  pass_workspace_.reset();
  snapshot_.reset();
  forget_pass();
  state_ = OptimizerState<T>();
}

template <class T>
const Layer<T>& Session<T>::layer(size_t i) const {
  if (i >= network_.size()) {
    throw std::out_of_range("layer must be one of the network's " + std::to_string(network_.size()) + ", got " +
                            std::to_string(i));
  }
  return network_.layer(i);
}

template <class T>
void Session<T>::get_parameters(size_t i, T* to) const {
  layer(i).parameters().unpack(network_.parameters().data() + network_.offset(i), to);
}

template <class T>
void Session<T>::set_parameters(size_t i, const T* from) {
  layer(i).parameters().pack(from, network_.parameters().data() + network_.offset(i));
  network_.parameters_changed();
  forget_pass();
}

template <class T>
void Session<T>::set_parameters(const T* from) {
  network_.pack(from, network_.parameters().data());
  network_.parameters_changed();
  forget_pass();
}

template <class T>
void Session<T>::get_statistics(size_t i, T* to) const {
  std::copy_n(network_.statistics().data() + network_.statistics_offset(i), layer(i).traits().statistics_size, to);
}

template <class T>
void Session<T>::set_statistics(size_t i, const T* from) {
  std::copy_n(from, layer(i).traits().statistics_size, network_.statistics().data() + network_.statistics_offset(i));
  forget_pass();
}

template <class T>
void Session<T>::set_trainable(size_t i, bool trainable) {
  layer(i);
  network_.layer(i).trainable = trainable;
}

template <class T>
void Session<T>::set_penalties(size_t i, double l1, double l2) {
  layer(i);
  network_.layer(i).parameters().set_penalties(l1, l2);
  forget_pass();
}

template <class T>
void Session<T>::set_schedule(size_t i, std::vector<double> values) {
  require(layer(i).takes_schedule(), "the layer has no number that can differ from step to step");
  require(!values.empty(), "values must be one or more");
  network_.layer(i).set_schedule(std::move(values));
  forget_pass();
}

template <class T>
void Session<T>::set_factors(size_t i, const std::vector<double>& rate,
                             const std::vector<std::optional<double>>& decay) {
  layer(i);
  network_.layer(i).parameters().set_factors(rate, decay);
}

template <class T>
void Session<T>::require_layers() const {
  require(network_.size() > 0, "the network has no layers");
}

template <class T>
void Session<T>::check_inputs(const Source& inputs) const {
  require_layers();
  require(inputs.columns == network_.inputs(), "X must have shape (samples, " + std::to_string(network_.inputs()) +
                                                   "), got " + std::to_string(inputs.columns) + " columns");
  require(inputs.rows > 0, "X must have at least one sample");
  require(!inputs.sparse() || !network_.mixed(), "a sparse X needs a network of full precision");
  require(!inputs.sparse() || network_.layer(0).traits().is_row_product, "a sparse X needs a dense first layer");
}

template <class T>
bool Session<T>::predicts_quickly(const Source& inputs) const {
  return !inputs.sparse() && inputs.rows <= tuning::quick_rows &&
         double(inputs.rows) * network_.work(inputs.entries()) <= tuning::quick_work;
}

template <class T>
void Session<T>::predict(const Source& inputs, T* outputs) const {
  chainrule::predict(network_, inputs, predictors_, predicting_team_, outputs);
}

// Layers of the same kinds and statistics; the parameters are zero.
template <class T>
Network<T> Session<T>::copied_network() const {
  Network<T> copy(network_.inputs(), network_.mixed());
  for (size_t i = 0; i < settings_.size(); ++i) {
    copy.add(make_layer<T>(settings_[i], copy.outputs()), network_.sources(i));
  }
  copy.statistics() = network_.statistics();
  return copy;
}

template <class T>
void Session<T>::predict_population(const T* parameters, size_t members, const Source& inputs, T* outputs) const {
  chainrule::predict_population<T>([this] { return copied_network(); }, parameters, members, inputs, predicting_team_,
                                   outputs);
}

template <class T>
std::unique_ptr<SamplePredictor<T>> Session<T>::sample_predictor() const {
  require_layers();
  Network<T> copy = copied_network();
  copy.parameters() = network_.parameters();
  copy.parameters_changed();
  return std::make_unique<SamplePredictor<T>>(std::move(copy));
}

template <class T>
std::unique_ptr<Stepper<T>> Session<T>::stepper(size_t streams, size_t carrying) const {
  require_layers();
  require(streams > 0, "streams must be positive");
  return std::make_unique<Stepper<T>>(network_, streams, carrying);
}

template <class T>
void Session<T>::send_forward(const Source& inputs, const Pass& pass, Workspace<T>& workspace) {
  std::vector<Signal<T>>& signals = workspace.signals();
  for (size_t i = 0; i < inputs.rows; ++i) {
    gather_row(inputs, i, true, signals[0].activations + i * signals[0].stride);
  }
  run_team(1, [&](const Team& team) {
    network_.forward(team, signals, inputs.rows, pass);
    if (pass.training) network_.update_statistics(team, signals);
  });
}

template <class T>
void Session<T>::forward(const Source& inputs, bool training, uint64_t seed, uint64_t epoch) {
  start_pass(inputs.rows);
  pass_ = {training, seed, epoch, 0};
  send_forward(inputs, pass_, *pass_workspace_);
  pass_samples_ = inputs.rows;
}

template <class T>
RowsView<T> Session<T>::last_outputs() const {
  if (pass_samples_ == 0) throw std::runtime_error("backward needs a forward before it");
  return kept_rows(pass_workspace_->output(), pass_workspace_->output().activations);
}

namespace {

// Panels are filled up with zeros.
template <class T>
void set_deltas(const Signal<T>& output, const T* from, size_t samples) {
  std::memset(output.deltas, 0, samples * output.stride * sizeof(T));
  copy_rows(from, output.size, output.deltas, output.stride, {0, samples}, output.size);
}

}  // namespace

template <class T>
RowsView<T> Session<T>::backward(const T* output_gradient) {
  last_outputs();
  const Signal<T>& output = pass_workspace_->output();
  set_deltas(output, output_gradient, pass_samples_);
  run_team(1, [&](const Team&) { multiply_by_derivative(output, {0, pass_samples_}); });
  chainrule::backward(network_, *pass_workspace_, pass_samples_, pass_, fresh_gradient());
  has_deltas_ = has_gradient_ = true;
  const Signal<T>& input = pass_workspace_->signals()[0];
  return kept_rows(input, input.deltas);
}

template <class T>
Workspace<T> Session<T>::flows(const Source& inputs, const T* errors, bool from_pre_activations) {
  const size_t samples = inputs.rows;
  Workspace<T> workspace(network_, samples, Workspace<T>::Purpose::pass);
  send_forward(inputs, {}, workspace);
  set_deltas(workspace.output(), errors, samples);
  if (!from_pre_activations) {
    run_team(1, [&](const Team&) { multiply_by_derivative(workspace.output(), {0, samples}); });
  }
  // As in training, the first layer passes no deltas down.
  send_deltas_down(network_, workspace, samples, 1, {});
  return workspace;
}

template <class T>
double Session<T>::loss_and_gradient(const Data& data, const Loss& loss) {
  pass_ = {};
  const size_t samples = data.inputs.rows;
  start_pass(loss.outside != nullptr ? samples : chunk_size(network_, data.inputs, samples));
  const double objective = chainrule::loss_and_gradient(network_, *pass_workspace_, data, loss, fresh_gradient());
  if (loss.outside != nullptr && loss.outside->failed()) return objective;
  // A batch that was computed in chunks leaves only the values of the last one, which are not shown.
  const bool whole = pass_workspace_->capacity() == data.inputs.rows;
  pass_samples_ = whole ? data.inputs.rows : 0;
  has_deltas_ = whole;
  has_gradient_ = true;
  return objective;
}

template <class T>
const Signal<T>& Session<T>::kept_signal(size_t i) const {
  layer(i);
  if (pass_samples_ == 0) throw std::runtime_error("there was no forward pass, or it was too large to keep");
  return pass_workspace_->signals()[i + 1];
}

template <class T>
RowsView<T> Session<T>::kept_rows(const Signal<T>& signal, const T* values) const {
  return {.values = values, .stride = signal.stride, .rows = pass_samples_, .columns = signal.size};
}

template <class T>
RowsView<T> Session<T>::pre_activations(size_t i) const {
  const Signal<T>& signal = kept_signal(i);
  if (signal.pre_activations == signal.activations && signal.activation != Activation::identity) {
    throw std::runtime_error("the pre-activations of this layer are not kept");
  }
  return kept_rows(signal, signal.pre_activations);
}

template <class T>
RowsView<T> Session<T>::activations(size_t i) const {
  const Signal<T>& signal = kept_signal(i);
  return kept_rows(signal, signal.activations);
}

template <class T>
RowsView<T> Session<T>::deltas(size_t i) const {
  const Signal<T>& signal = kept_signal(i);
  if (!has_deltas_) throw std::runtime_error("there are no deltas before backward or loss_and_gradient");
  return kept_rows(signal, signal.deltas);
}

template <class T>
const AlignedArray<T>& Session<T>::gradient() const {
  if (!has_gradient_) throw std::runtime_error("there are no gradients before backward or loss_and_gradient");
  return gradient_;
}

template <class T>
size_t Session<T>::target_columns(const Loss& loss) const {
  require_layers();
  require(takes_output(loss, network_.output_activation(), network_.outputs()),
          "this loss does not go with the outputs");
  return chainrule::target_columns(loss, network_.outputs());
}

template <class T>
Evaluation<T> Session<T>::evaluate(const Data& data, const Loss& loss, Ranks& ranks,
                                   const SamplesOfRanks& samples_of_ranks) const {
  return chainrule::evaluate(network_, data, loss, predicting_team_, ranks, samples_of_ranks);
}

template <class T>
EpochResult Session<T>::train_epoch(const Data& data, const EpochOptions& options, const Optimizer& optimizer,
                                    const Poll& poll) {
  prepare_state(optimizer, options.rates[0]);
  forget_pass();
  return chainrule::train_epoch(network_, state_, optimizer, data, options, poll, training_team_, epoch_workspace_);
}

template <class T>
void Session<T>::step(const Optimizer& optimizer, double rate) {
  if (!has_gradient_) throw std::runtime_error("step needs gradients: call backward or loss_and_gradient first");
  const Snapshot before = {network_.parameters(), network_.statistics(), state_};
  prepare_state(optimizer, rate);
  chainrule::step(network_, state_, optimizer, rate, gradient_.data());
  if (kernels<T>().all_finite(network_.parameters().data(), network_.parameters().size())) return;
  restore(before);
  throw std::overflow_error(
      "the step left weights that are not finite: they are those from before it; try a smaller learning rate");
}

template <class T>
void Session<T>::save_snapshot() {
  if (snapshot_ == nullptr) snapshot_ = std::make_unique<Snapshot>();
  // Assigned one by one, which reuses the memory of an earlier snapshot.
  snapshot_->parameters = network_.parameters();
  snapshot_->statistics = network_.statistics();
  snapshot_->state = state_;
}

template <class T>
void Session<T>::restore_snapshot() {
  require(snapshot_ != nullptr, "there is no snapshot to restore");
  restore(*snapshot_);
  forget_pass();
}

template <class T>
void Session<T>::restore(const Snapshot& snapshot) {
  network_.parameters() = snapshot.parameters;
  network_.statistics() = snapshot.statistics;
  network_.parameters_changed();
  state_ = snapshot.state;
}

template <class T>
void Session<T>::drop_snapshot() {
  snapshot_.reset();
  epoch_workspace_.reset();
}

template <class T>
void Session<T>::prepare_state(const Optimizer& optimizer, double rate) {
  if (state_.started() && state_.rule() == optimizer.rule()) return;
  state_ = OptimizerState<T>(optimizer, network_.parameters().size(), rate);
}

// Activations and gradients of other parameters have no meaning.
template <class T>
void Session<T>::forget_pass() {
  pass_samples_ = 0;
  has_deltas_ = has_gradient_ = false;
}

template <class T>
void Session<T>::start_pass(size_t capacity) {
  forget_pass();
  if (pass_workspace_ == nullptr || pass_workspace_->capacity() != capacity) {
    pass_workspace_ = std::make_unique<Workspace<T>>(network_, capacity, Workspace<T>::Purpose::pass);
  }
}

template <class T>
T* Session<T>::fresh_gradient() {
  if (gradient_.size() != network_.parameters().size()) gradient_ = AlignedArray<T>(network_.parameters().size());
  return gradient_.data();
}

template class Session<float>;
template class Session<double>;

}  // namespace chainrule
