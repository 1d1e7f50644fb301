#include "layers/dense.hpp"

#include "layers/packing.hpp"

namespace chainrule {

namespace {

constexpr size_t weights_ahead = tuning::weight_vectors_ahead * panel_width;

// Calls multiply(product) for each part of what is listed of the signal below, or once for all of it.
template <class T, class Multiply>
void for_each_part(Product<T> product, const std::vector<NonZeros<T>>* listed, Multiply multiply) {
  if (listed == nullptr) return multiply(product);
  for (const NonZeros<T>& part : *listed) {
    product.non_zeros = &part;
    multiply(product);
  }
}

}  // namespace

template <class T>
Dense<T>::Dense(size_t inputs, size_t outputs, const Options& options)
    : inputs_(inputs), outputs_(outputs), options_(options) {}

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

// Large weights stay in the caches of the threads that update them; small ones cost less to fetch than a barrier.
template <class T>
bool Dense<T>::by_samples(const Team& team, size_t samples) const {
  const bool enough_panels = panels() >= 2 * team.size();
  const bool small =
      weights_size() * sizeof(T) <= tuning::shared_weight_bytes && samples >= 2 * row_group * team.size();
  return !enough_panels || small;
}

template <class T>
typename Dense<T>::Share Dense<T>::weights_share(const Team& team) const {
  if (panels() >= 2 * team.size()) return {{0, inputs_}, team.share(panels())};
  return {team.share_rows(inputs_), {0, panels()}};
}

// a = f(x W + b)
template <class T>
void Dense<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                       const Pass&) const {
  const bool all_samples = !by_samples(team, samples);
  const Range rows = team.share_rows(samples);
  const Product<T> whole = {below.activations,
                            below.stride,
                            1,
                            weights_,
                            inputs_ * panel_width,
                            panel_width,
                            above.pre_activations,
                            above.stride,
                            panel_width,
                            inputs_,
                            all_samples ? Range{0, samples} : rows,
                            all_samples ? team.share(panels()) : Range{0, panels()},
                            weights_ahead};
  for_each_part(whole, below.of_samples, [&](const Product<T>& product) {
    kernels<T>().forward({product, bias_, options_.activation, above.activations});
  });
  if (options_.activation != Activation::softmax) return;
  if (all_samples) team.barrier();
  kernels<T>().softmax(
      {above.pre_activations, above.activations, nullptr, above.stride, outputs_, rows, Activation::softmax});
}

// delta below = (delta above) W^T * f'(z below)
template <class T>
void Dense<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                        const Pass&) const {
  const bool all_samples = !by_samples(team, samples);
  const size_t below_panels = panel_count(inputs_);
  const Product<T> whole = {above.deltas,
                            above.stride,
                            1,
                            transposed_.data(),
                            outputs_ * panel_width,
                            panel_width,
                            below.deltas,
                            below.stride,
                            panel_width,
                            outputs_,
                            all_samples ? Range{0, samples} : team.share_rows(samples),
                            all_samples ? team.share(below_panels) : Range{0, below_panels},
                            weights_ahead};
  for_each_part(whole, above.of_samples, [&](const Product<T>& product) {
    kernels<T>().input_gradient({product, below.activation, below.pre_activations, below.activations});
  });
}

// dE/dW = x^T delta, dE/db = sum of the deltas
template <class T>
void Dense<T>::gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                        const GradientTarget<T>& target) const {
  const Share part = weights_share(team);
  Product<T> whole = {below.activations, 1,           below.stride,          above.deltas, panel_width, above.stride,
                      target.gradient,   panel_width, inputs_ * panel_width, samples,      part.rows,   part.panels};
  if (below.packed_activations != nullptr && above.packed_deltas != nullptr && part.rows.size() == inputs_) {
    pack_deltas(above.deltas, above.stride, samples, part.panels, above.capacity, above.packed_deltas);
    whole.b = above.packed_deltas;
    whole.b_panel = above.capacity * panel_width;
    whole.b_inner = panel_width;
    whole.a = below.packed_activations;
    whole.a_inner = packed_columns;
    whole.block_rows = packed_columns;
    whole.a_block = below.capacity * packed_columns;
  }
  for_each_part(whole, below.of_columns, [&](const Product<T>& product) {
    kernels<T>().weight_gradient({product, target.accumulate, target.update, weights_with(target)});
  });
  const Range bias_panels = part.panels.size() == panels() ? team.share(panels()) : part.panels;
  T* bias_gradient = target.gradient == nullptr ? nullptr : target.gradient + weights_size();
  kernels<T>().bias_gradient({above.deltas, above.stride, samples, bias_panels, bias_gradient, target.accumulate,
                              target.update, bias_with(target)});
}

template <class T>
void Dense<T>::list_rows(const Team&, const Signal<T>& below, size_t, std::vector<uint32_t>& list) const {
  for (const NonZeros<T>& part : *below.of_samples) {
    for (size_t i = 0; i < part.lists; ++i) {
      const uint32_t* const inputs = part.index + part.begin[i];
      list.insert(list.end(), inputs, inputs + part.count[i]);
    }
  }
}

template <class T>
ParameterRuns<T> Dense<T>::parameter_row(const Team& team, size_t input, const GradientTarget<T>& target) const {
  const Share part = weights_share(team);
  const size_t stride = inputs_ * panel_width;
  const bool own = input >= part.rows.begin && input < part.rows.end;
  return {from_place(weights_with(target), part.panels.begin * stride + input * panel_width),
          own ? part.panels.size() : 0, stride};
}

template <class T>
Parameters<T> Dense<T>::weights_with(const GradientTarget<T>& target) const {
  return {weights_, {target.slots[0], target.slots[1], target.slots[2]}, T(options_.l1), T(options_.l2), target.shrink};
}

template <class T>
Parameters<T> Dense<T>::bias_with(const GradientTarget<T>& target) const {
  Parameters<T> parameters = from_place(weights_with(target), weights_size());
  parameters.l1 = parameters.l2 = parameters.shrink = T(0);
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
  if (transposed_current_) transpose(weights_share(team));
}

template <class T>
void Dense<T>::prepare_backward() {
  if (transposed_current_) return;
  if (transposed_.empty()) {
    transposed_ = AlignedArray<T>(whole_panels(inputs_) * outputs_);
  }
  transpose({{0, inputs_}, {0, panels()}});
  transposed_current_ = true;
}

template <class T>
void Dense<T>::transpose(const Share& part) {
  kernels<T>().transpose({weights_, transposed_.data(), inputs_, outputs_, part.rows, part.panels});
}

template <class T>
void Dense<T>::set_penalties(double l1, double l2) {
  options_.l1 = l1;
  options_.l2 = l2;
}

template <class T>
double Dense<T>::penalty() const {
  return penalty_of(weights_, weights_size(), options_.l1, options_.l2);
}

template class Dense<float>;
template class Dense<double>;

}  // namespace chainrule
