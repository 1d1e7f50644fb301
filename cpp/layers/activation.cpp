#include "layers/activation.hpp"

#include <map>
#include <stdexcept>

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

template <class T>
void ActivationLayer<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                 const Pass&) const {
  const Range rows = team.share_rows(samples);
  if (above.pre_activations == above.activations && above.stride == below.stride) {
    Signal<T> computed = above;
    computed.pre_activations = below.activations;
    return activate(computed, rows);
  }
  copy_rows(below.activations, below.stride, above.pre_activations, above.stride, rows, size_);
  activate(above, rows);
}

template <class T>
void ActivationLayer<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                  const Pass&) const {
  pass_deltas_on(above, below, team.share_rows(samples));
}

template class ActivationLayer<float>;
template class ActivationLayer<double>;

}  // namespace chainrule
