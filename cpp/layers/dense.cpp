#include "layers/dense.hpp"

#include <algorithm>

#include "layers/packing.hpp"

namespace chainrule {

namespace {

constexpr size_t weights_ahead = tuning::weight_vectors_ahead * panel_width;

// Calls multiply(product) for each part of the non-zeros that are listed, or once for the whole product.
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
    : Layer<T>({{{.rows = inputs, .columns = outputs, .is_weight = true},
                 PanelParameters<T>::bias(outputs, options.use_bias)},
                options.l1,
                options.l2}),
      inputs_(inputs),
      outputs_(outputs),
      activation_(options.activation),
      max_norm_(options.max_norm) {}

template <class T>
LayerTraits Dense<T>::traits() const {
  return {.activation = activation_,
          .work = inputs_ * panels() * panel_width,
          .keeps_pre_activations = derivative_needs_pre_activation(activation_),
          .is_row_product = !mixed_ || kernels<T>().mixed.follows_lists,
          .releases_outputs = true,
          .couples_parameters = max_norm_ > 0 || mixed_};
}

template <class T>
bool Dense<T>::mix() {
  mixed_ = true;
  paired_ = PairedWeights<T>(inputs_, outputs_);
  return true;
}

// Large weights stay in the caches of the threads that update them; small ones take less time to fetch than a barrier.
template <class T>
bool Dense<T>::by_samples(const Team& team, size_t samples) const {
  const bool enough_panels = panels() >= 2 * team.size();
  const size_t bytes = weights_size() * sizeof(T);
  const bool fewer_than_inputs = this->index > 0 && samples >= outputs_ && bytes <= tuning::most_shared_weight_bytes;
  const bool small = bytes <= tuning::shared_weight_bytes || fewer_than_inputs;
  return !enough_panels || (small && samples >= 2 * row_group * team.size());
}

template <class T>
typename Dense<T>::Share Dense<T>::weights_share(const Team& team, const Range& inputs) const {
  if (shares_panels(team)) return {inputs, team.share(panels())};
  const Range own = team.share_rows(inputs.size());
  return {{inputs.begin + own.begin, inputs.begin + own.end}, {0, panels()}};
}

template <class T>
size_t Dense<T>::gradient_parts(size_t smaller) const {
  const size_t of_weights =
      std::min(std::max(weights_size() * sizeof(T) / tuning::part_bytes, size_t(1)) * smaller, inputs_ / panel_width);
  return of_weights > 1 ? of_weights + 1 : 1;
}

template <class T>
Range Dense<T>::inputs_of(const GradientPart& part) const {
  if (part.is_whole()) return {0, inputs_};
  const size_t parts = part.count - 1;
  const size_t blocks = (inputs_ + packed_columns - 1) / packed_columns;
  const auto edge = [&](size_t i) { return std::min(blocks * std::min(i, parts) / parts * packed_columns, inputs_); };
  return {edge(part.index), edge(part.index + 1)};
}

template <class T>
std::vector<GradientRuns> Dense<T>::gradient_runs(const GradientPart& part) const {
  if (part.is_whole()) return Layer<T>::gradient_runs(part);
  if (part.index + 1 == part.count) return {{weights_size(), this->parameters_.packed_size() - weights_size()}};
  const Range inputs = inputs_of(part);
  return {{inputs.begin * panel_width, inputs.size() * panel_width, panels(), inputs_ * panel_width}};
}

// a = f(x W + b)
template <class T>
void Dense<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                       const Pass&) const {
  const bool all_samples = !by_samples(team, samples);
  const Range rows = team.share_rows(samples);
  Product<T> whole = {.a = below.activations,
                      .a_row = below.stride,
                      .a_inner = 1,
                      .b = this->parameters_.panels(weights),
                      .b_panel = inputs_ * panel_width,
                      .b_inner = panel_width,
                      .c = above.pre_activations,
                      .c_row = above.stride,
                      .c_panel = panel_width,
                      .inner = inputs_,
                      .rows = all_samples ? Range{0, samples} : rows,
                      .panels = all_samples ? team.share(panels()) : Range{0, panels()},
                      .columns = outputs_,
                      .b_ahead = weights_ahead};
  if (mixed_) paired_.enter(whole);
  for_each_part(whole, below.of_samples, [&](const Product<T>& product) {
    kernels<T>().forward({product, this->parameters_.panels(bias), activation_, above.activations});
  });
  if (activation_ != Activation::softmax) return;
  if (all_samples) team.barrier();
  kernels<T>().softmax(rows_of(above, rows));
}

// delta below = (delta above) W^T * f'(z below)
template <class T>
void Dense<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                        const Pass&) const {
  const bool all_samples = !by_samples(team, samples);
  const size_t below_panels = panel_count(inputs_);
  Product<T> whole = {.a = above.deltas,
                      .a_row = above.stride,
                      .a_inner = 1,
                      .b = transposed_.data(),
                      .b_panel = outputs_ * panel_width,
                      .b_inner = panel_width,
                      .c = below.deltas,
                      .c_row = below.stride,
                      .c_panel = panel_width,
                      .inner = outputs_,
                      .rows = all_samples ? Range{0, samples} : team.share_rows(samples),
                      .panels = all_samples ? team.share(below_panels) : Range{0, below_panels},
                      .columns = inputs_,
                      .b_ahead = weights_ahead};
  if (mixed_) paired_.enter_transposed(whole);
  for_each_part(whole, above.of_samples, [&](const Product<T>& product) {
    kernels<T>().input_gradient({product, below.activation, below.pre_activations, below.activations});
  });
}

// dE/dW = x^T delta, dE/db = sum of the deltas
template <class T>
void Dense<T>::gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                        const GradientTarget<T>& target) {
  const Range inputs = inputs_of(target.part);
  if (inputs.size() > 0) weight_gradient(below, above, samples, inputs, weights_share(team, inputs), target);
  // The stored gradient of a bias that is not used is zero from the beginning.
  if (this->parameters_.matrix(bias).is_hidden || target.part.index + 1 < target.part.count) return;
  const Share own = weights_share(team);
  kernels<T>().bias_gradient({.deltas = above.deltas,
                              .stride = above.stride,
                              .samples = samples,
                              .panels = own.panels.size() == panels() ? team.share(panels()) : own.panels,
                              .gradient = target.gradient == nullptr ? nullptr : target.gradient + weights_size(),
                              .accumulate = target.accumulate,
                              .update = target.update,
                              .parameters = this->parameters_.updatable(bias, target)});
}

template <class T>
void Dense<T>::weight_gradient(const Signal<T>& below, const Signal<T>& above, size_t samples, const Range& inputs,
                               const Share& own, const GradientTarget<T>& target) {
  Product<T> whole = {.a = below.activations,
                      .a_row = 1,
                      .a_inner = below.stride,
                      .b = above.deltas,
                      .b_panel = panel_width,
                      .b_inner = above.stride,
                      .c = target.gradient,
                      .c_row = panel_width,
                      .c_panel = inputs_ * panel_width,
                      .inner = samples,
                      .rows = own.rows,
                      .panels = own.panels,
                      .columns = outputs_};
  if (mixed_) {
    take_samples(whole);
  } else if (below.packed_activations != nullptr && above.packed_deltas != nullptr &&
             own.rows.size() == inputs.size()) {
    // The thread has the same panels in all parts.
    if (target.part.index == 0) {
      pack_deltas(above.deltas, above.stride, samples, own.panels, above.capacity, above.packed_deltas);
    }
    whole.b = above.packed_deltas;
    whole.b_panel = above.capacity * panel_width;
    whole.b_inner = panel_width;
    whole.a = below.packed_activations;
    whole.a_inner = packed_columns;
    whole.block_rows = packed_columns;
    whole.a_block = below.capacity * packed_columns;
  }
  for_each_part(whole, below.of_columns, [&](const Product<T>& product) {
    kernels<T>().weight_gradient(
        {product, target.accumulate, target.update, this->parameters_.updatable(weights, target)});
  });
}

template <class T>
void Dense<T>::list_touched(const Team&, const Signal<T>& below, size_t, std::vector<uint32_t>& list) const {
  for (const NonZeros<T>& part : *below.of_samples) {
    for (size_t i = 0; i < part.lists; ++i) {
      const uint32_t* const inputs = part.index + part.begin[i];
      list.insert(list.end(), inputs, inputs + part.count[i]);
    }
  }
}

template <class T>
ParameterRowRuns<T> Dense<T>::row_runs(const Team& team, const GradientTarget<T>& target) {
  const Share own = weights_share(team);
  const size_t stride = inputs_ * panel_width;
  const Parameters<T> first = offset_by(this->parameters_.updatable(weights, target), own.panels.begin * stride);
  return {.first = {.first = first, .count = own.panels.size(), .stride = stride}, .own = own.rows};
}

template <class T>
void Dense<T>::parameters_changed() {
  transposed_current_ = false;
  if (mixed_) paired_.copy(this->parameters_.panels(weights), {0, panels()});
}

template <class T>
void Dense<T>::finish_update(const Team& team) {
  if (max_norm_ > 0) {
    team.barrier();
    kernels<T>().max_norm(this->parameters_.panels(weights), inputs_, team.share(panels()), T(max_norm_));
    team.barrier();
  }
  Share own = weights_share(team);
  if (mixed_) {
    // Pairs are made of whole panels.
    if (!shares_panels(team)) {
      team.barrier();
      own = {{0, inputs_}, team.share(panels())};
    }
    paired_.copy(this->parameters_.panels(weights), own.panels);
  }
  if (transposed_current_) transpose(own);
}

template <class T>
void Dense<T>::prepare_backward(bool passes_deltas) {
  if (transposed_current_ || !passes_deltas) return;
  if (mixed_) {
    paired_.allocate_transposed();
  } else if (transposed_.empty()) {
    transposed_ = AlignedArray<T>(whole_panels(inputs_) * outputs_);
  }
  transpose({{0, inputs_}, {0, panels()}});
  transposed_current_ = true;
}

template <class T>
void Dense<T>::transpose(const Share& share) {
  if (mixed_) return paired_.copy_transposed(this->parameters_.panels(weights), share.panels);
  kernels<T>().transpose({.panels = this->parameters_.panels(weights),
                          .transposed = transposed_.data(),
                          .inputs = inputs_,
                          .outputs = outputs_,
                          .rows = share.rows,
                          .columns = share.panels});
}

template class Dense<float>;
template class Dense<double>;

}  // namespace chainrule
