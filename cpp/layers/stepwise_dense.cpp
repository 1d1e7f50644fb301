#include "layers/stepwise_dense.hpp"

#include <algorithm>
#include <cstring>

#include "layers/scratch.hpp"

namespace chainrule {

namespace {

// Rows in whole panels, from which a sample's are copied together.
struct ForOutputs {};
struct ForInputDeltas {};
struct ForDeltas {};

}  // namespace

template <class T>
StepwiseDense<T>::StepwiseDense(const Options& options)
    : PanelLayer<T>({{options.features, options.units, true}, {1, options.units, false}}, options.l1, options.l2),
      options_(options),
      transposed_(whole_panels(options.features) * options.units) {}

template <class T>
void StepwiseDense<T>::derive(const Team& team) {
  kernels<T>().transpose({this->panels(0),
                          transposed_.data(),
                          options_.features,
                          options_.units,
                          {0, options_.features},
                          team.share(this->matrix(0).panels())});
}

template <class T>
void StepwiseDense<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                               const Pass&) const {
  const size_t steps = options_.steps, features = options_.features, units = options_.units;
  const Range rows = team.share_rows(samples);
  T* outputs = scratch<T, ForOutputs>(steps * columns());
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const Product<T> product = {below.activations + i * below.stride,
                                features,
                                1,
                                this->panels(0),
                                features * panel_width,
                                panel_width,
                                outputs,
                                columns(),
                                panel_width,
                                features,
                                {0, steps},
                                {0, this->matrix(0).panels()}};
    kernels<T>().forward({product, this->panels(1), Activation::identity, outputs});
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
    const Product<T> product = {above.deltas + i * above.stride,
                                units,
                                1,
                                transposed_.data(),
                                units * panel_width,
                                panel_width,
                                deltas,
                                width,
                                panel_width,
                                units,
                                {0, steps},
                                {0, width / panel_width}};
    kernels<T>().weight_gradient({product, false, nullptr, {}});
    copy_rows(deltas, width, below.deltas + i * below.stride, features, {0, steps}, features);
  }
  multiply_by_derivative(below, rows);
}

// A thread has some panels of units; all (sample, step) pairs are the inner index, samples first.
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
    const Product<T> product = {below.activations + i * below.stride,
                                1,
                                features,
                                deltas,
                                panel_width,
                                width,
                                this->panels_of(gradient, 0) + first * features,
                                panel_width,
                                features * panel_width,
                                steps,
                                {0, features},
                                {0, own.size()}};
    kernels<T>().weight_gradient({product, true, nullptr, {}});
    kernels<T>().bias_gradient(
        {deltas, width, steps, {0, own.size()}, this->panels_of(gradient, 1) + first, true, nullptr, {}});
  }
}

template class StepwiseDense<float>;
template class StepwiseDense<double>;

}  // namespace chainrule
