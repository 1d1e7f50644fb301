#include "layers/activation.hpp"

#include <map>
#include <stdexcept>

#include "layers/finish.hpp"

namespace chainrule {

Activation activation_named(const std::string& name, std::optional<double> alpha) {
  static const std::map<std::string, Activation::Kind> table = {
      {"identity", Activation::identity},
      {"sigmoid", Activation::sigmoid},
      {"tanh", Activation::tanh},
      {"relu", Activation::relu},
      {"leaky_relu", Activation::leaky_relu},
      {"elu", Activation::elu},
      {"selu", Activation::selu},
      {"softplus", Activation::softplus},
      {"softsign", Activation::softsign},
      {"gelu", Activation::gelu},
      {"silu", Activation::silu},
      {"mish", Activation::mish},
      {"hard_sigmoid", Activation::hard_sigmoid},
      {"exp", Activation::exp},
      {"softmax", Activation::softmax},
  };
  const auto found = table.find(name);
  if (found == table.end()) throw std::invalid_argument("unknown activation '" + name + "'");
  const Activation::Kind kind = found->second;
  if (!alpha) return kind;
  const bool has_one = kind == Activation::leaky_relu || kind == Activation::elu;
  if (!has_one || !(*alpha > 0)) throw std::invalid_argument("activation '" + name + "' cannot have this alpha");
  return {kind, *alpha};
}

namespace {

// Copies the values of a group in lanes, unless they are there already.
template <class T>
void copy_group(const T* from, T* to, size_t stride, size_t group, size_t size) {
  copy_rows(group_at(from, stride, group), stride, group_at(to, stride, group), stride, {0, 1}, size * group_samples);
}

}  // namespace

template <class T>
void ActivationLayer<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                 const Pass&) const {
  Signal<T> computed = above;
  const bool reads_below = above.pre_activations == above.activations && above.stride == below.stride;
  if (reads_below) computed.pre_activations = below.activations;
  if (!above.in_lanes) {
    const Range rows = team.share_rows(samples);
    if (!reads_below) copy_rows(below.activations, below.stride, above.pre_activations, above.stride, rows, size_);
    return activate(computed, rows);
  }
  const Range groups = team.share(groups_of(samples));
  for (size_t group = groups.begin; group < groups.end; ++group) {
    if (!reads_below) copy_group<T>(below.activations, above.pre_activations, above.stride, group, size_);
    activate(computed, group, {0, size_});
  }
}

template <class T>
void ActivationLayer<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                  const Pass&) const {
  if (!above.in_lanes) return pass_deltas_on(above, below, team.share_rows(samples));
  const Range groups = team.share(groups_of(samples));
  for (size_t group = groups.begin; group < groups.end; ++group) {
    copy_group<T>(above.deltas, below.deltas, below.stride, group, size_);
    multiply_by_derivative(below, group, {0, size_});
  }
}

template <class T>
void ActivationLayer<T>::add_to(Finish<T>& finish) const {
  finish.activation = activation_;
}

template class ActivationLayer<float>;
template class ActivationLayer<double>;

}  // namespace chainrule
