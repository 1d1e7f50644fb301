#include "layers/pooling.hpp"

namespace chainrule {

template <class T>
Pool<T> PoolLayer<T>::pool(const Signal<T>& below, const Signal<T>& above, const Range& samples) const {
  return {shape_.rows,       shape_.columns, shape_.channels, below.activations, below.stride,
          above.activations, above.stride,   above.deltas,    below.deltas,      samples};
}

template <class T>
void PoolLayer<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass&) const {
  const Range rows = team.share_rows(samples);
  const Pool<T> args = pool(below, above, rows);
  of_ == Of::maximum ? kernels<T>().max_pool(args) : kernels<T>().mean_pool(args);
  copy_to_pre_activations(above, rows);
}

template <class T>
void PoolLayer<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                            const Pass&) const {
  const Range rows = team.share_rows(samples);
  const Pool<T> args = pool(below, above, rows);
  of_ == Of::maximum ? kernels<T>().max_pool_gradient(args) : kernels<T>().mean_pool_gradient(args);
  multiply_by_derivative(below, rows);
}

template class PoolLayer<float>;
template class PoolLayer<double>;

}  // namespace chainrule
