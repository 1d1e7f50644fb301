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

// Up to this number of steps, powers are products step by step. A state from a file can have any number of steps.
constexpr size_t most_products = size_t(1) << 24;

double power(double base, size_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent /= 2, base *= base) {
    if (exponent % 2 == 1) result *= base;
  }
  return result;
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

Optimizer::Optimizer(const std::string& rule, const OptimizerSettings& settings)
    : settings_(settings), rule_(rule_named(rule)) {
  const auto check = [&](const auto& field) {
    if (std::isfinite(double(settings.*field.member))) return;
    throw std::invalid_argument("optimizer setting '" + std::string(field.name) + "' must be finite");
  };
  std::apply([&](const auto&... fields) { (check(fields), ...); }, OptimizerSettings::fields());
  if (rule_ == Rule::sgd && settings.momentum > 0) rule_ = settings.nesterov ? Rule::nesterov : Rule::momentum;
}

bool Optimizer::ignores_zero_gradients() const {
  return (rule_ == Rule::sgd || rule_ == Rule::adagrad) && settings_.weight_decay == 0;
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
StepSettings<T> OptimizerState<T>::next_step(const Optimizer& optimizer, double rate, double weight_decay) {
  const OptimizerSettings& given = optimizer.settings();
  steps_ += 1;
  const double beta1 = given.beta1;
  const double beta2 = given.beta2;
  if (steps_ > most_products) {
    power1_ = power(beta1, steps_);
    power2_ = power(beta2, steps_);
  }
  for (; powers_of_ < std::min(steps_, most_products); ++powers_of_) {
    power1_ *= beta1;
    power2_ *= beta2;
  }
  StepSettings<T> s = {};
  s.rule = rule_;
  s.rate = T(rule_ == Rule::irprop ? 1 : rate);
  s.shrink = T(rate * weight_decay);
  s.momentum = T(given.momentum);
  s.epsilon = T(given.epsilon);
  s.clip_value = T(given.clip_value);
  s.scale = T(1);
  s.increase = T(given.increase);
  s.decrease = T(given.decrease);
  s.smoothing = T(given.smoothing);
  s.minimum = T(rule_ == Rule::irprop ? given.min_step : given.min_gain);
  s.maximum = T(rule_ == Rule::irprop ? given.max_step : given.max_gain);
  s.decay1 = T(given.rho);
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
