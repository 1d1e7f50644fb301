// The settings of an optimiser as the user gives them, and its state: slots, which are laid out as the network's
// parameters, and the number of steps taken.
#pragma once

#include <string>
#include <vector>

#include "base/aligned.hpp"
#include "base/fields.hpp"
#include "kernels/table.hpp"

namespace chainrule {

// The settings of all optimisers (docs/formulas.md); each rule reads some of them. 0: none.
struct OptimizerSettings {
  double momentum = 0;
  bool nesterov = false;
  double beta1 = 0, beta2 = 0, rho = 0, epsilon = 0;
  double weight_decay = 0;  // decoupled
  double clip_norm = 0, clip_value = 0;
  double increase = 0, decrease = 0, smoothing = 0;
  double min_gain = 0, max_gain = 0, min_step = 0, max_step = 0;

  static constexpr auto fields() {
    using S = OptimizerSettings;
    return std::tuple(field("momentum", &S::momentum), field("nesterov", &S::nesterov), field("beta1", &S::beta1),
                      field("beta2", &S::beta2), field("rho", &S::rho), field("epsilon", &S::epsilon),
                      field("weight_decay", &S::weight_decay), field("clip_norm", &S::clip_norm),
                      field("clip_value", &S::clip_value), field("increase", &S::increase),
                      field("decrease", &S::decrease), field("smoothing", &S::smoothing),
                      field("min_gain", &S::min_gain), field("max_gain", &S::max_gain), field("min_step", &S::min_step),
                      field("max_step", &S::max_step));
  }
};

class Optimizer {
 public:
  // Throws std::invalid_argument for a rule that does not exist, or a setting that is not finite.
  Optimizer(const std::string& rule, const OptimizerSettings& settings);

  Rule rule() const { return rule_; }
  const OptimizerSettings& settings() const { return settings_; }
  // Whether the whole gradient is needed before the first parameter changes.
  bool clips_norm() const { return settings_.clip_norm > 0; }
  // Whether a gradient of zero changes neither parameter nor state.
  bool ignores_zero_gradients() const;

 private:
  OptimizerSettings settings_;
  Rule rule_;
};

const char* name_of(Rule rule);
Rule rule_named(const std::string& name);
const std::vector<std::string>& slot_names(Rule rule);

template <class T>
class OptimizerState {
 public:
  OptimizerState() = default;
  // `rate` is the initial value of iRprop's step sizes.
  OptimizerState(const Optimizer& optimizer, size_t size, double rate);
  OptimizerState(Rule rule, size_t size, size_t steps);

  bool started() const { return started_; }
  Rule rule() const { return rule_; }
  size_t steps() const { return steps_; }
  std::vector<AlignedArray<T>>& slots() { return slots_; }
  const std::vector<AlignedArray<T>>& slots() const { return slots_; }

  // Counts one step and returns its scalars.
  StepSettings<T> next_step(const Optimizer& optimizer, double rate, double weight_decay);

 private:
  bool started_ = false;
  Rule rule_ = Rule::sgd;
  size_t steps_ = 0;
  // beta^t for the bias correction, by multiplication at each step, and by squaring after very many steps: pow differs
  // between machines.
  size_t powers_of_ = 0;
  double power1_ = 1, power2_ = 1;
  std::vector<AlignedArray<T>> slots_;
};

}  // namespace chainrule
