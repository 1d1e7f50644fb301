#include "layers/members.hpp"

#include <algorithm>
#include <cstring>

#include "layers/blocks.hpp"
#include "layers/scratch.hpp"

namespace chainrule {

namespace {

// Rows of whole panels for the members of a sample, or for the samples of a member.
struct ForInputs {};
struct ForProducts {};
struct ForDeltas {};

// Copies a matrix of one row per member from its panels to rows of whole panels.
template <class T>
void copy_to_rows(const T* panels, const PanelMatrix& matrix, const Range& members, T* rows) {
  const size_t width = matrix.panels() * panel_width;
  for (size_t member = members.begin; member < members.end; ++member) {
    for (size_t panel = 0; panel < matrix.panels(); ++panel) {
      std::memcpy(rows + member * width + panel * panel_width, panels + (panel * matrix.rows + member) * panel_width,
                  panel_width * sizeof(T));
    }
  }
}

// Where a panel of a member's row begins in such a matrix.
size_t panel_of(size_t panel, size_t members, size_t member) { return (panel * members + member) * panel_width; }

size_t columns_in(size_t panel, size_t columns) { return std::min(panel_width, columns - panel * panel_width); }

}  // namespace

template <class T>
void Repeat<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                        const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t member = 0; member < members_; ++member) {
    copy_rows(below.activations, below.stride, above.activations + member * features_, above.stride, rows, features_);
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void Repeat<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                         const Pass&) const {
  const Range rows = team.share_rows(samples);
  copy_rows(above.deltas, above.stride, below.deltas, below.stride, rows, features_);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    T* const to = below.deltas + row * below.stride;
    const T* from = above.deltas + row * above.stride + features_;
    for (size_t member = 1; member < members_; ++member, from += features_) {
      for (size_t k = 0; k < features_; ++k) to[k] += from[k];
    }
  }
  multiply_by_derivative(below, rows);
}

template <class T>
BatchEnsemble<T>::BatchEnsemble(const MemberOptions& options)
    : StoredGradientLayer<T>({{{.rows = options.features, .columns = options.units, .is_weight = true},
                               {.rows = options.members, .columns = options.features, .is_weight = false},
                               {.rows = options.members, .columns = options.units, .is_weight = false},
                               {.rows = options.members, .columns = options.units, .is_weight = false}},
                              options.l1,
                              options.l2}),
      options_(options),
      transposed_(width() * options.units),
      input_rows_(options.members * width()),
      output_rows_(options.members * columns()),
      bias_rows_(options.members * columns()) {}

template <class T>
LayerTraits BatchEnsemble<T>::traits() const {
  LayerTraits traits = options_.traits(options_.members * (columns() + width()));
  traits.gradient_needs_backward = true;
  return traits;
}

template <class T>
void BatchEnsemble<T>::derive(const Team& team) {
  kernels<T>().transpose({.panels = this->panels(weights),
                          .transposed = transposed_.data(),
                          .inputs = options_.features,
                          .outputs = options_.units,
                          .rows = {0, options_.features},
                          .columns = team.share(this->matrix(weights).panels())});
  const Range members = team.share(options_.members);
  copy_to_rows(this->panels(input_factors), this->matrix(input_factors), members, input_rows_.data());
  copy_to_rows(this->panels(output_factors), this->matrix(output_factors), members, output_rows_.data());
  copy_to_rows(this->panels(bias), this->matrix(bias), members, bias_rows_.data());
}

template <class T>
T* BatchEnsemble<T>::factored_inputs(const Signal<T>& below, const Range& samples) const {
  T* const rows = scratch<T, ForInputs>(samples.size() * options_.members * width());
  T* to = rows;
  for (size_t i = samples.begin; i < samples.end; ++i) {
    const T* from = below.activations + i * below.stride;
    for (size_t at = 0; at < options_.members * width(); at += width(), from += options_.features, to += width()) {
      multiply_values(from, input_rows_.data() + at, options_.features, to);
    }
  }
  return rows;
}

template <class T>
void BatchEnsemble<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                               const Pass&) const {
  const Range own = team.share_rows(samples);
  for_each_block(own, samples_per_product(), [&](const Range& block) {
    const size_t rows = block.size() * options_.members;
    T* const products = scratch<T, ForProducts>(rows * columns());
    kernels<T>().product({.a = factored_inputs(below, block),
                          .a_row = width(),
                          .a_inner = 1,
                          .b = this->panels(weights),
                          .b_panel = options_.features * panel_width,
                          .b_inner = panel_width,
                          .c = products,
                          .c_row = columns(),
                          .c_panel = panel_width,
                          .inner = options_.features,
                          .rows = {0, rows},
                          .panels = {0, this->matrix(weights).panels()}},
                         false);
    for (size_t i = block.begin; i < block.end; ++i) {
      finish(products + (i - block.begin) * options_.members * columns(), i, above);
    }
  });
  activate(above, own);
}

// z = (x r) W s + b of one sample, whose products are kept if there is a way back.
template <class T>
void BatchEnsemble<T>::finish(const T* products, size_t sample, const Signal<T>& above) const {
  const size_t size = options_.members * columns(), units = options_.units;
  if (above.kept != nullptr) std::memcpy(kept_of(above, sample).products, products, size * sizeof(T));
  T* to = above.pre_activations + sample * above.stride;
  for (size_t at = 0; at < size; at += columns(), to += units) {
    const T *product = products + at, *factors = output_rows_.data() + at, *shifts = bias_rows_.data() + at;
    for (size_t k = 0; k < units; ++k) to[k] = product[k] * factors[k] + shifts[k];
  }
}

template <class T>
void BatchEnsemble<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                const Pass&) const {
  const size_t members = options_.members, features = options_.features, units = options_.units;
  const Range own = team.share_rows(samples);
  for_each_block(own, samples_per_product(), [&](const Range& block) {
    const size_t rows = block.size() * members;
    T* const deltas = scratch<T, ForDeltas>(rows * columns());
    T* const gradients = scratch<T, ForProducts>(rows * width());
    for (size_t row = 0; row < rows; ++row) {
      const T* from = above.deltas + (block.begin + row / members) * above.stride + row % members * units;
      multiply_values(from, output_rows_.data() + row % members * columns(), units, deltas + row * columns());
    }
    kernels<T>().product({.a = deltas,
                          .a_row = columns(),
                          .a_inner = 1,
                          .b = transposed_.data(),
                          .b_panel = units * panel_width,
                          .b_inner = panel_width,
                          .c = gradients,
                          .c_row = width(),
                          .c_panel = panel_width,
                          .inner = units,
                          .rows = {0, rows},
                          .panels = {0, width() / panel_width}},
                         false);
    for (size_t i = block.begin; i < block.end; ++i) {
      const T* const of_sample = gradients + (i - block.begin) * members * width();
      std::memcpy(kept_of(above, i).factored_gradient, of_sample, members * width() * sizeof(T));
      for (size_t member = 0; member < members && below.deltas != nullptr; ++member) {
        multiply_values(of_sample + member * width(), input_rows_.data() + member * width(), features,
                        below.deltas + i * below.stride + member * features);
      }
    }
  });
  if (below.deltas != nullptr) multiply_by_derivative(below, own);
}

// Threads divide the panels of units, and those of the features; sums run over samples, then members, in their order.
template <class T>
void BatchEnsemble<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                    T* gradient) const {
  const Range of_units = team.share(columns() / panel_width), of_features = team.share(width() / panel_width);
  for_each_block({0, samples}, samples_per_product(), [&](const Range& block) {
    if (of_units.size() > 0) add_weight_gradient(of_units, below, above, block, gradient);
  });
  for (size_t i = 0; i < samples; ++i) {
    add_factor_gradients(of_features, below, above, i, this->panels_of(gradient, input_factors));
  }
}

template <class T>
void BatchEnsemble<T>::add_weight_gradient(const Range& panels, const Signal<T>& below, const Signal<T>& above,
                                           const Range& samples, T* gradient) const {
  const size_t features = options_.features, stride = panels.size() * panel_width;
  const size_t rows = samples.size() * options_.members;
  T* const factored = scratch<T, ForDeltas>(rows * stride);
  std::memset(factored, 0, rows * stride * sizeof(T));
  for (size_t i = samples.begin; i < samples.end; ++i) {
    add_unit_gradients(panels, above, i, factored + (i - samples.begin) * options_.members * stride, gradient);
  }
  kernels<T>().product({.a = factored_inputs(below, samples),
                        .a_row = 1,
                        .a_inner = width(),
                        .b = factored,
                        .b_panel = panel_width,
                        .b_inner = stride,
                        .c = this->panels_of(gradient, weights) + panels.begin * features * panel_width,
                        .c_row = panel_width,
                        .c_panel = features * panel_width,
                        .inner = rows,
                        .rows = {0, features},
                        .panels = {0, panels.size()}},
                       true);
}

// Also computes the deltas of one sample times the factors of the outputs, in rows of these panels.
template <class T>
void BatchEnsemble<T>::add_unit_gradients(const Range& panels, const Signal<T>& above, size_t sample, T* factored,
                                          T* gradient) const {
  const size_t members = options_.members, units = options_.units, stride = panels.size() * panel_width;
  for (size_t member = 0; member < members; ++member) {
    const T* deltas = above.deltas + sample * above.stride + member * units;
    const T* products = kept_of(above, sample).products + member * columns();
    const T* factors = output_rows_.data() + member * columns();
    for (size_t panel = panels.begin; panel < panels.end; ++panel) {
      T* const by_factors = this->panels_of(gradient, output_factors) + panel_of(panel, members, member);
      T* const by_bias = this->panels_of(gradient, bias) + panel_of(panel, members, member);
      T* const to = factored + member * stride + (panel - panels.begin) * panel_width;
      for (size_t lane = 0, k = panel * panel_width; lane < columns_in(panel, units); ++lane, ++k) {
        to[lane] = deltas[k] * factors[k];
        by_factors[lane] += deltas[k] * products[k];
        by_bias[lane] += deltas[k];
      }
    }
  }
}

template <class T>
void BatchEnsemble<T>::add_factor_gradients(const Range& panels, const Signal<T>& below, const Signal<T>& above,
                                            size_t sample, T* gradient) const {
  for (size_t member = 0; member < options_.members; ++member) {
    const T* x = below.activations + sample * below.stride + member * options_.features;
    const T* factored = kept_of(above, sample).factored_gradient + member * width();
    for (size_t panel = panels.begin; panel < panels.end; ++panel) {
      T* const to = gradient + panel_of(panel, options_.members, member);
      for (size_t lane = 0, k = panel * panel_width; lane < columns_in(panel, options_.features); ++lane, ++k) {
        to[lane] += factored[k] * x[k];
      }
    }
  }
}

template <class T>
SeparateDense<T>::SeparateDense(const MemberOptions& options)
    : StoredGradientLayer<T>(
          {{{.rows = options.members * options.features, .columns = options.units, .is_weight = true},
            {.rows = options.members, .columns = options.units, .is_weight = false}},
           options.l1,
           options.l2}),
      options_(options),
      transposed_(options.members * width() * options.units),
      bias_rows_(options.members * columns()) {}

template <class T>
void SeparateDense<T>::derive(const Team& team) {
  const Range members = team.share(options_.members);
  copy_to_rows(this->panels(bias), this->matrix(bias), members, bias_rows_.data());
  for (size_t member = members.begin; member < members.end; ++member) {
    T* const transposed = transposed_.data() + member * width() * options_.units;
    for (size_t unit = 0; unit < options_.units; ++unit) {
      const T* from =
          this->panels(weights) + unit / panel_width * to_panel() + member * to_member() + unit % panel_width;
      for (size_t k = 0; k < options_.features; ++k) {
        transposed[(k / panel_width * options_.units + unit) * panel_width + k % panel_width] = from[k * panel_width];
      }
    }
  }
}

template <class T>
void SeparateDense<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                               const Pass&) const {
  const Range rows = team.share_rows(samples);
  if (rows.size() == 0) return;
  T* const outputs = scratch<T, ForProducts>(rows.size() * columns());
  for (size_t member = 0; member < options_.members; ++member) {
    kernels<T>().forward({.product = {.a = below.activations + rows.begin * below.stride + member * options_.features,
                                      .a_row = below.stride,
                                      .a_inner = 1,
                                      .b = this->panels(weights) + member * to_member(),
                                      .b_panel = to_panel(),
                                      .b_inner = panel_width,
                                      .c = outputs,
                                      .c_row = columns(),
                                      .c_panel = panel_width,
                                      .inner = options_.features,
                                      .rows = {0, rows.size()},
                                      .panels = {0, this->matrix(weights).panels()}},
                          .bias = bias_rows_.data() + member * columns(),
                          .activation = Activation::identity,
                          .outputs = outputs});
    copy_rows(outputs, columns(), above.pre_activations + rows.begin * above.stride + member * options_.units,
              above.stride, {0, rows.size()}, options_.units);
  }
  activate(above, rows);
}

template <class T>
void SeparateDense<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                const Pass&) const {
  const size_t features = options_.features, units = options_.units;
  const Range rows = team.share_rows(samples);
  if (rows.size() == 0) return;
  T* const deltas = scratch<T, ForProducts>(rows.size() * width());
  for (size_t member = 0; member < options_.members; ++member) {
    kernels<T>().product({.a = above.deltas + rows.begin * above.stride + member * units,
                          .a_row = above.stride,
                          .a_inner = 1,
                          .b = transposed_.data() + member * width() * units,
                          .b_panel = units * panel_width,
                          .b_inner = panel_width,
                          .c = deltas,
                          .c_row = width(),
                          .c_panel = panel_width,
                          .inner = units,
                          .rows = {0, rows.size()},
                          .panels = {0, width() / panel_width}},
                         false);
    copy_rows(deltas, width(), below.deltas + rows.begin * below.stride + member * features, below.stride,
              {0, rows.size()}, features);
  }
  multiply_by_derivative(below, rows);
}

// Threads divide the members; the inner index runs over the samples.
template <class T>
void SeparateDense<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                    T* gradient) const {
  const size_t features = options_.features, units = options_.units;
  const Range members = team.share(options_.members);
  T* const deltas = scratch<T, ForDeltas>(samples * columns());
  std::memset(deltas, 0, samples * columns() * sizeof(T));
  for (size_t member = members.begin; member < members.end; ++member) {
    copy_rows(above.deltas + member * units, above.stride, deltas, columns(), {0, samples}, units);
    kernels<T>().product({.a = below.activations + member * features,
                          .a_row = 1,
                          .a_inner = below.stride,
                          .b = deltas,
                          .b_panel = panel_width,
                          .b_inner = columns(),
                          .c = this->panels_of(gradient, weights) + member * to_member(),
                          .c_row = panel_width,
                          .c_panel = to_panel(),
                          .inner = samples,
                          .rows = {0, features},
                          .panels = {0, this->matrix(weights).panels()}},
                         true);
    for (size_t panel = 0; panel < columns() / panel_width; ++panel) {
      kernels<T>().bias_gradient(
          {.deltas = deltas + panel * panel_width,
           .stride = columns(),
           .samples = samples,
           .panels = {0, 1},
           .gradient = this->panels_of(gradient, bias) + panel_of(panel, options_.members, member),
           .accumulate = true});
    }
  }
}

template class Repeat<float>;
template class Repeat<double>;
template class BatchEnsemble<float>;
template class BatchEnsemble<double>;
template class SeparateDense<float>;
template class SeparateDense<double>;

}  // namespace chainrule
