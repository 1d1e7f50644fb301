#include "layers/stepwise_dense.hpp"

#include <algorithm>
#include <cstring>

#include "layers/scratch.hpp"

namespace chainrule {

namespace {

// The steps of one sample as rows of whole panels.
struct ForOutputs {};
struct ForInputDeltas {};
struct ForDeltas {};

}  // namespace

template <class T>
StepwiseDense<T>::StepwiseDense(const Options& options)
    : StoredGradientLayer<T>({{{.rows = options.features, .columns = options.units, .is_weight = true},
                               PanelParameters<T>::bias(options.units, options.use_bias)},
                              options.l1,
                              options.l2}),
      options_(options),
      weights_(options.features, options.units) {}

template <class T>
bool StepwiseDense<T>::mix() {
  mixed_ = true;
  weights_.mix();
  return true;
}

template <class T>
void StepwiseDense<T>::derive(const Team& team) {
  weights_.derive(this->panels(0), team.share(this->matrix(0).panels()));
}

template <class T>
void StepwiseDense<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                               const Pass&) const {
  const size_t steps = options_.steps, features = options_.features, units = options_.units;
  const Range rows = team.share_rows(samples);
  T* outputs = scratch<T, ForOutputs>(steps * columns());
  for (size_t i = rows.begin; i < rows.end; ++i) {
    Product<T> product = {.a = below.activations + i * below.stride,
                          .a_row = features,
                          .a_inner = 1,
                          .b = nullptr,
                          .b_panel = 0,
                          .b_inner = 0,
                          .c = outputs,
                          .c_row = columns(),
                          .c_panel = panel_width,
                          .inner = features,
                          .rows = {0, steps},
                          .panels = {0, this->matrix(0).panels()}};
    weights_.enter(product, this->panels(0));
    kernels<T>().forward(
        {.product = product, .bias = this->panels(1), .activation = Activation::identity, .outputs = outputs});
    copy_rows(outputs, columns(), above.pre_activations + i * above.stride, units, {0, steps}, units);
  }
  activate(above, rows);
}

template <class T>
void StepwiseDense<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                const Pass&) const {
  const size_t steps = options_.steps, features = options_.features, units = options_.units;
  const Range rows = team.share_rows(samples);
  const size_t width = whole_panels(features);
  T* deltas = scratch<T, ForInputDeltas>(steps * width);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    Product<T> product = {.a = above.deltas + i * above.stride,
                          .a_row = units,
                          .a_inner = 1,
                          .b = nullptr,
                          .b_panel = 0,
                          .b_inner = 0,
                          .c = deltas,
                          .c_row = width,
                          .c_panel = panel_width,
                          .inner = units,
                          .rows = {0, steps},
                          .panels = {0, width / panel_width}};
    weights_.enter_transposed(product);
    kernels<T>().product(product, false);
    copy_rows(deltas, width, below.deltas + i * below.stride, features, {0, steps}, features);
  }
  multiply_by_derivative(below, rows);
}

// Threads divide the panels of units; the inner index runs over all (sample, step) pairs, samples first.
template <class T>
void StepwiseDense<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                    T* gradient) const {
  const size_t steps = options_.steps, features = options_.features, units = options_.units;
  const Range own = team.share(this->matrix(0).panels());
  if (own.size() == 0) return;
  const size_t first = own.begin * panel_width, width = own.size() * panel_width;
  T* deltas = scratch<T, ForDeltas>(steps * width);
  std::memset(deltas, 0, steps * width * sizeof(T));
  for (size_t i = 0; i < samples; ++i) {
    copy_rows(above.deltas + i * above.stride + first, units, deltas, width, {0, steps},
              std::min(width, units - first));
    Product<T> product = {.a = below.activations + i * below.stride,
                          .a_row = 1,
                          .a_inner = features,
                          .b = deltas,
                          .b_panel = panel_width,
                          .b_inner = width,
                          .c = this->panels_of(gradient, 0) + first * features,
                          .c_row = panel_width,
                          .c_panel = features * panel_width,
                          .inner = steps,
                          .rows = {0, features},
                          .panels = {0, own.size()}};
    if (mixed_) take_samples(product);
    kernels<T>().product(product, true);
    if (this->matrix(1).is_hidden) continue;
    kernels<T>().bias_gradient({.deltas = deltas,
                                .stride = width,
                                .samples = steps,
                                .panels = {0, own.size()},
                                .gradient = this->panels_of(gradient, 1) + first,
                                .accumulate = true});
  }
}

template class StepwiseDense<float>;
template class StepwiseDense<double>;

}  // namespace chainrule
