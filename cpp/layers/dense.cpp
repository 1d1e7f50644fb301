#include "layers/dense.hpp"

#include <cmath>

namespace chainrule {

template <class T>
Dense<T>::Dense(size_t inputs, size_t outputs, const Options& options)
    : inputs_(inputs), outputs_(outputs), options_(options) {}

template <class T>
bool Dense<T>::keeps_pre_activations() const {
  switch (options_.activation) {
    case Activation::softplus:
    case Activation::gelu:
    case Activation::silu:
    case Activation::softmax:
      return true;
    default:
      return false;
  }
}

template <class T>
void Dense<T>::pack(const T* plain, T* packed) const {
  for (size_t k = 0; k < inputs_; ++k) {
    for (size_t j = 0; j < outputs_; ++j) {
      packed[(j / panel_width * inputs_ + k) * panel_width + j % panel_width] = plain[k * outputs_ + j];
    }
  }
  for (size_t j = 0; j < outputs_; ++j) packed[weights_size() + j] = plain[inputs_ * outputs_ + j];
}

template <class T>
void Dense<T>::unpack(const T* packed, T* plain) const {
  for (size_t k = 0; k < inputs_; ++k) {
    for (size_t j = 0; j < outputs_; ++j) {
      plain[k * outputs_ + j] = packed[(j / panel_width * inputs_ + k) * panel_width + j % panel_width];
    }
  }
  for (size_t j = 0; j < outputs_; ++j) plain[inputs_ * outputs_ + j] = packed[weights_size() + j];
}

template <class T>
void Dense<T>::bind(T* parameters) {
  weights_ = parameters;
  bias_ = parameters + weights_size();
  parameters_changed();
}

template <class T>
typename Dense<T>::Share Dense<T>::share(const Team& team, size_t rows, size_t panels) const {
  if (panels >= 2 * team.size()) return {{0, rows}, team.share(panels)};
  return {team.share(rows), {0, panels}};
}

// a = f(x W + b)
template <class T>
void Dense<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples) const {
  const Share part = share(team, samples, panels());
  const Product<T> product = {below.activations,
                              below.stride,
                              1,
                              weights_,
                              inputs_ * panel_width,
                              panel_width,
                              above.pre_activations,
                              above.stride,
                              panel_width,
                              inputs_,
                              part.rows,
                              part.panels};
  kernels<T>().forward({product, bias_, options_.activation, above.activations});
  if (options_.activation != Activation::softmax) return;
  if (part.rows.size() == samples && team.size() > 1) team.barrier();
  const Range rows = part.rows.size() == samples ? team.share(samples) : part.rows;
  kernels<T>().softmax(
      {above.pre_activations, above.activations, nullptr, above.stride, outputs_, rows, Activation::softmax});
}

// delta below = (delta above) W^T * f'(z below)
template <class T>
void Dense<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples) const {
  const size_t below_panels = (inputs_ + panel_width - 1) / panel_width;
  const Share part = share(team, samples, below_panels);
  const Product<T> product = {above.deltas,
                              above.stride,
                              1,
                              transposed_.data(),
                              outputs_ * panel_width,
                              panel_width,
                              below.deltas,
                              below.stride,
                              panel_width,
                              outputs_,
                              part.rows,
                              part.panels};
  kernels<T>().input_gradient({product, below.activation, below.pre_activations, below.activations});
}

// dE/dW = x^T delta, dE/db = sum of the deltas
template <class T>
void Dense<T>::gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                        const GradientTarget<T>& target) const {
  const Share part = share(team, inputs_, panels());
  const Product<T> product = {
      below.activations, 1,           below.stride,          above.deltas, panel_width, above.stride,
      target.gradient,   panel_width, inputs_ * panel_width, samples,      part.rows,   part.panels};
  kernels<T>().weight_gradient({product, target.accumulate, target.update, weights_with(target)});
  const Range bias_panels = part.panels.size() == panels() ? team.share(panels()) : part.panels;
  T* bias_gradient = target.gradient == nullptr ? nullptr : target.gradient + weights_size();
  kernels<T>().bias_gradient({above.deltas, above.stride, samples, bias_panels, bias_gradient, target.accumulate,
                              target.update, bias_with(target)});
}

template <class T>
Parameters<T> Dense<T>::weights_with(const GradientTarget<T>& target) const {
  return {weights_, {target.slots[0], target.slots[1], target.slots[2]}, T(options_.l1), T(options_.l2), target.shrink};
}

template <class T>
Parameters<T> Dense<T>::bias_with(const GradientTarget<T>& target) const {
  Parameters<T> parameters = {bias_, {}, T(0), T(0), T(0)};
  for (size_t i = 0; i < max_slots; ++i) {
    if (target.slots[i] != nullptr) parameters.slots[i] = target.slots[i] + weights_size();
  }
  return parameters;
}

template <class T>
void Dense<T>::regularize(T* gradient, T clip_value) const {
  kernels<T>().regularize(weights_with({}), gradient, weights_size(), clip_value);
  kernels<T>().regularize(bias_with({}), gradient + weights_size(), packed_size() - weights_size(), clip_value);
}

// The stored gradient has been regularised already: the penalties must not come twice.
template <class T>
void Dense<T>::update(const GradientTarget<T>& target) const {
  Parameters<T> weights = weights_with(target);
  weights.l1 = weights.l2 = T(0);
  kernels<T>().update(weights, target.gradient, weights_size(), *target.update);
  kernels<T>().update(bias_with(target), target.gradient + weights_size(), packed_size() - weights_size(),
                      *target.update);
}

template <class T>
void Dense<T>::finish_update(const Team& team) {
  if (options_.max_norm > 0) {
    team.barrier();
    kernels<T>().max_norm(weights_, inputs_, team.share(panels()), T(options_.max_norm));
    team.barrier();
  }
  if (transposed_current_) transpose(share(team, inputs_, panels()));
}

template <class T>
void Dense<T>::prepare_backward() {
  if (transposed_current_) return;
  if (transposed_.empty()) {
    transposed_ = AlignedArray<T>((inputs_ + panel_width - 1) / panel_width * outputs_ * panel_width);
  }
  transpose({{0, inputs_}, {0, panels()}});
  transposed_current_ = true;
}

template <class T>
void Dense<T>::transpose(const Share& part) {
  kernels<T>().transpose({weights_, transposed_.data(), inputs_, outputs_, part.rows, part.panels});
}

template <class T>
double Dense<T>::penalty() const {
  double absolute = 0;
  double squares = 0;
  for (size_t i = 0; i < weights_size(); ++i) {
    const double w = double(weights_[i]);
    absolute += std::abs(w);
    squares += w * w;
  }
  return 0.5 * options_.l2 * squares + options_.l1 * absolute;
}

template class Dense<float>;
template class Dense<double>;

}  // namespace chainrule
