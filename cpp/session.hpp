// A session: a network with everything that its user needs from one call to the next. That is the values of the last
// pass, the gradient, the optimiser's state, a snapshot, memory that is worth keeping, and locks.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "layers/make_layer.hpp"
#include "prediction/predictor.hpp"
#include "prediction/sample_predictor.hpp"
#include "prediction/stepper.hpp"
#include "training/epoch.hpp"
#include "training/evaluate.hpp"

namespace chainrule {

// Values of some samples, row-major.
template <class T>
struct RowsView {
  const T* values;
  size_t stride, rows, columns;
};

// Any number of threads may read a session at a time, or one may change it. Callers hold a lock while they call
// anything else, and while they use what it returns. Calls that the session's state does not allow throw
// std::runtime_error; wrong arguments throw std::invalid_argument, and std::out_of_range if there is no such layer.
template <class T>
class Session {
 public:
  // Mixed precision, which float32 alone has, is that of Network.
  explicit Session(size_t inputs, bool mixed = false);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  using ReadLock = std::shared_lock<std::shared_mutex>;
  // Excludes readers and other threads that change the session, until it is destroyed.
  class ChangeLock {
   public:
    explicit ChangeLock(Session& session);
    ~ChangeLock();
    ChangeLock(const ChangeLock&) = delete;
    ChangeLock& operator=(const ChangeLock&) = delete;

   private:
    Session& session_;
  };
  // Both throw std::runtime_error while another thread changes the session: that is a mistake. A thread that will
  // change it waits for the readers, whose calls are short; no new readers start until it is done.
  ReadLock lock_to_read() const;
  ChangeLock lock_to_change() { return ChangeLock(*this); }

  // --- The network
  const Network<T>& network() const { return network_; }
  // Adds a layer on top, which reads the signals above the layers `sources`.
  void add_layer(LayerSettings settings, std::vector<size_t> sources = {});
  const Layer<T>& layer(size_t i) const;
  // Plain parameters, of one layer or of all.
  void get_parameters(size_t layer, T* to) const;
  void set_parameters(size_t layer, const T* from);
  void set_parameters(const T* from);
  void get_statistics(size_t layer, T* to) const;
  void set_statistics(size_t layer, const T* from);
  void set_trainable(size_t layer, bool trainable);
  void set_penalties(size_t layer, double l1, double l2);
  void set_schedule(size_t layer, std::vector<double> values);
  void set_factors(size_t layer, const std::vector<double>& rate, const std::vector<std::optional<double>>& decay);

  // --- Prediction; outputs are row-major, (samples, outputs)
  // Throws if the network cannot take these inputs.
  void check_inputs(const Source& inputs) const;
  // Whether predict takes less time than giving the interpreter's lock away.
  bool predicts_quickly(const Source& inputs) const;
  void predict(const Source& inputs, T* outputs) const;
  // Predicts with each of `members` rows of plain parameters in place of the network's.
  void predict_population(const T* parameters, size_t members, const Source& inputs, T* outputs) const;
  std::unique_ptr<SamplePredictor<T>> sample_predictor() const;
  // The session must outlive the stepper, and not change.
  std::unique_ptr<Stepper<T>> stepper(size_t streams, size_t carrying) const;

  // --- Passes, whose values are kept until the parameters change
  void forward(const Source& inputs, bool training, uint64_t seed, uint64_t epoch);
  // From dE/da of the output, (samples, outputs) without gaps. Returns dE/dX.
  RowsView<T> backward(const T* output_gradient);
  // The signals of some samples and of errors at the outputs, (samples, outputs) without gaps, which are dE/dz of the
  // last layer if `from_pre_activations`, else dE/da. Nothing of them is kept.
  Workspace<T> flows(const Source& inputs, const T* errors, bool from_pre_activations);
  // Returns the objective, penalties included.
  double loss_and_gradient(const Data& data, const Loss& loss);
  // The outputs of the pass that `backward` goes back through.
  RowsView<T> last_outputs() const;
  RowsView<T> pre_activations(size_t layer) const;
  RowsView<T> activations(size_t layer) const;
  RowsView<T> deltas(size_t layer) const;
  // Laid out as the packed parameters.
  const AlignedArray<T>& gradient() const;

  // --- Training
  // The number of targets of a sample. Throws if the loss does not fit the output.
  size_t target_columns(const Loss& loss) const;
  Evaluation<T> evaluate(const Data& data, const Loss& loss, Ranks& ranks,
                         const SamplesOfRanks& samples_of_ranks = {}) const;
  EpochResult train_epoch(const Data& data, const EpochOptions& options, const Optimizer& optimizer, const Poll& poll);
  // One update from the gradient as it is. Throws std::overflow_error if weights are not finite after it, and restores
  // them.
  void step(const Optimizer& optimizer, double rate);

  // A snapshot of parameters, statistics and optimiser state, for a return from training that diverged.
  void save_snapshot();
  void restore_snapshot();
  // Also frees the memory of epochs.
  void drop_snapshot();

  // It is kept while the optimiser's rule stays the same, else started anew.
  const OptimizerState<T>& optimizer_state() const { return state_; }
  void set_optimizer_state(OptimizerState<T> state) { state_ = std::move(state); }

 private:
  struct Snapshot {
    AlignedArray<T> parameters, statistics;
    OptimizerState<T> state;
  };

  void restore(const Snapshot& snapshot);
  Network<T> copied_network() const;
  void require_layers() const;
  const Signal<T>& kept_signal(size_t layer) const;
  RowsView<T> kept_rows(const Signal<T>& signal, const T* values) const;
  void prepare_state(const Optimizer& optimizer, double rate);
  void forget_pass();
  void send_forward(const Source& inputs, const Pass& pass, Workspace<T>& workspace);
  void start_pass(size_t capacity);
  T* fresh_gradient();

  mutable std::shared_mutex mutex_;
  std::atomic<bool> changing_{false};  // set while a thread holds or awaits the ChangeLock
  Network<T> network_;
  std::vector<LayerSettings> settings_;  // from which the layers were made
  mutable Spares<Predictor<T>> predictors_;
  TeamSize training_team_;
  mutable TeamSize predicting_team_;
  OptimizerState<T> state_;
  std::unique_ptr<Snapshot> snapshot_;
  std::unique_ptr<EpochWorkspace<T>> epoch_workspace_;
  std::unique_ptr<Workspace<T>> pass_workspace_;
  AlignedArray<T> gradient_;
  Pass pass_;
  size_t pass_samples_ = 0;  // 0: no pass is kept
  bool has_deltas_ = false;
  bool has_gradient_ = false;
};

}  // namespace chainrule
