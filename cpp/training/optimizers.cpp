#include "training/optimizers.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace chainrule {

namespace {

struct RuleEntry {
  Rule rule;
  const char* name;
  std::vector<std::string> slots;
};

const std::vector<RuleEntry>& rules() {
  static const std::vector<RuleEntry> table = {
      {Rule::sgd, "sgd", {}},
      {Rule::momentum, "momentum", {"velocity"}},
      {Rule::nesterov, "nesterov", {"velocity"}},
      {Rule::adagrad, "adagrad", {"square_sum"}},
      {Rule::adadelta, "adadelta", {"square_mean", "change_mean"}},
      {Rule::rmsprop, "rmsprop", {"square_mean"}},
      {Rule::adam, "adam", {"m", "v"}},
      {Rule::nadam, "nadam", {"m", "v"}},
      {Rule::delta_bar_delta, "delta_bar_delta", {"gain", "gradient_mean", "velocity"}},
      {Rule::irprop, "irprop", {"step", "gradient"}},
  };
  return table;
}

const RuleEntry& entry(Rule rule) {
  return *std::find_if(rules().begin(), rules().end(), [&](const RuleEntry& e) { return e.rule == rule; });
}

const std::vector<std::string>& setting_names() {
  static const std::vector<std::string> names = {
      "momentum",   "nesterov", "beta1",    "beta2",     "rho",      "epsilon",  "weight_decay", "clip_norm",
      "clip_value", "increase", "decrease", "smoothing", "min_gain", "max_gain", "min_step",     "max_step"};
  return names;
}

}  // namespace

Rule rule_named(const std::string& name) {
  for (const RuleEntry& e : rules()) {
    if (name == e.name) return e.rule;
  }
  throw std::invalid_argument("unknown optimizer rule '" + name + "'");
}

const char* name_of(Rule rule) { return entry(rule).name; }

const std::vector<std::string>& slot_names(Rule rule) { return entry(rule).slots; }

Optimizer::Optimizer(const std::string& rule, const std::map<std::string, double>& settings)
    : settings_(settings), rule_(rule_named(rule)) {
  for (const auto& [name, value] : settings) {
    const auto& names = setting_names();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw std::invalid_argument("unknown optimizer setting '" + name + "'");
    }
    if (!std::isfinite(value)) throw std::invalid_argument("optimizer setting '" + name + "' must be finite");
  }
  if (rule_ == Rule::sgd && setting("momentum") > 0) {
    rule_ = setting("nesterov") > 0 ? Rule::nesterov : Rule::momentum;
  }
}

double Optimizer::setting(const char* name) const {
  const auto found = settings_.find(name);
  return found == settings_.end() ? 0.0 : found->second;
}

template <class T>
OptimizerState<T>::OptimizerState(Rule rule, size_t size, size_t steps) : started_(true), rule_(rule), steps_(steps) {
  for (size_t i = 0; i < slot_names(rule).size(); ++i) slots_.emplace_back(size);
}

template <class T>
OptimizerState<T>::OptimizerState(const Optimizer& optimizer, size_t size, double rate)
    : OptimizerState(optimizer.rule(), size, 0) {
  if (rule_ == Rule::delta_bar_delta) std::fill_n(slots_[0].data(), size, T(1));
  if (rule_ == Rule::irprop) std::fill_n(slots_[0].data(), size, T(rate));
}

template <class T>
StepSettings<T> OptimizerState<T>::next_step(const Optimizer& optimizer, double rate) {
  steps_ += 1;
  const double beta1 = optimizer.setting("beta1");
  const double beta2 = optimizer.setting("beta2");
  for (; powers_of_ < steps_; ++powers_of_) {
    power1_ *= beta1;
    power2_ *= beta2;
  }
  StepSettings<T> s = {};
  s.rule = rule_;
  s.rate = T(rate);
  s.momentum = T(optimizer.setting("momentum"));
  s.epsilon = T(optimizer.setting("epsilon"));
  s.clip_value = T(optimizer.setting("clip_value"));
  s.scale = T(1);
  s.increase = T(optimizer.setting("increase"));
  s.decrease = T(optimizer.setting("decrease"));
  s.smoothing = T(optimizer.setting("smoothing"));
  s.minimum = T(optimizer.setting(rule_ == Rule::irprop ? "min_step" : "min_gain"));
  s.maximum = T(optimizer.setting(rule_ == Rule::irprop ? "max_step" : "max_gain"));
  s.decay1 = T(optimizer.setting("rho"));
  if (rule_ == Rule::adam || rule_ == Rule::nadam) {
    s.decay1 = T(beta1);
    s.decay2 = T(beta2);
    s.correction = T(1 / std::sqrt(1 - power2_));
  }
  if (rule_ == Rule::adam) s.rate = T(rate / (1 - power1_));
  if (rule_ == Rule::nadam) {
    s.lookahead = T(beta1 / (1 - power1_ * beta1));
    s.now = T((1 - beta1) / (1 - power1_));
  }
  return s;
}

template class OptimizerState<float>;
template class OptimizerState<double>;

}  // namespace chainrule
