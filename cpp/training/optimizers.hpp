// The settings of an optimiser as the user gives them, and its state: slots, which are laid out as the network's
// parameters, and the number of steps taken.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/aligned.hpp"
#include "kernels/table.hpp"

namespace chainrule {

enum class Setting : size_t {
  momentum,
  nesterov,
  beta1,
  beta2,
  rho,
  epsilon,
  weight_decay,
  clip_norm,
  clip_value,
  increase,
  decrease,
  smoothing,
  min_gain,
  max_gain,
  min_step,
  max_step,
  count,
};

class Optimizer {
 public:
  // Throws std::invalid_argument for a rule or setting that does not exist.
  Optimizer(const std::string& rule, const std::map<std::string, double>& settings);

  Rule rule() const { return rule_; }
  // Zero if it was not given.
  double operator[](Setting setting) const { return settings_[size_t(setting)]; }
  // Whether the whole gradient is needed before the first parameter changes.
  bool clips_norm() const { return (*this)[Setting::clip_norm] > 0; }
  // Whether a gradient of zero changes neither parameter nor state.
  bool ignores_zero_gradients() const;

 private:
  std::array<double, size_t(Setting::count)> settings_ = {};
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
  StepSettings<T> next_step(const Optimizer& optimizer, double rate);

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
