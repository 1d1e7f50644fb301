// One sample through a row of dense layers, for prediction where little else is to be done than to cross into C++.
#pragma once

#include "kernels/dense.hpp"
#include "kernels/loss.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

template <class T>
void predict_sample(const SampleLayer<T>* layers, size_t count, const T* inputs, T* scratch, size_t widest_layer,
                    T* outputs) {
  const T* below = inputs;
  T* above = scratch;
  for (const SampleLayer<T>* layer = layers; layer < layers + count; ++layer) {
    const size_t panels = panels_of<T>(layer->outputs);
    // Made in place: a copy of what has just been written in pieces would wait for it.
    const Forward<T> args = {{below,
                              0,
                              1,
                              layer->weights,
                              layer->inputs * panel_width,
                              panel_width,
                              above,
                              0,
                              panel_width,
                              layer->inputs,
                              {0, 1},
                              {0, panels}},
                             layer->bias,
                             layer->activation,
                             above};
    forward(args);
    if (layer->activation == Activation::softmax) {
      softmax(Rows<T>{above, above, nullptr, 0, layer->outputs, {0, 1}, Activation::softmax});
    }
    below = above;
    above = above == scratch ? scratch + widest_layer : scratch;
  }
  __builtin_memcpy(outputs, below, layers[count - 1].outputs * sizeof(T));
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
