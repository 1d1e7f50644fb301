// The forward pass of one sample through dense layers, with as little overhead as possible.
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
    // Constructed in place: a copy would have to wait for the stores of the fields.
    const Forward<T> args = {.product = {.a = below,
                                         .a_row = 0,
                                         .a_inner = 1,
                                         .b = layer->weights,
                                         .b_panel = layer->inputs * panel_width,
                                         .b_inner = panel_width,
                                         .c = above,
                                         .c_row = 0,
                                         .c_panel = panel_width,
                                         .inner = layer->inputs,
                                         .rows = {0, 1},
                                         .panels = {0, panels}},
                             .bias = layer->bias,
                             .activation = layer->activation,
                             .outputs = above};
    forward(args);
    if (layer->activation == Activation::softmax) {
      softmax(Rows<T>{.pre_activations = above,
                      .activations = above,
                      .deltas = nullptr,
                      .stride = 0,
                      .outputs = layer->outputs,
                      .rows = {0, 1},
                      .activation = Activation::softmax});
    }
    below = above;
    above = above == scratch ? scratch + widest_layer : scratch;
  }
  __builtin_memcpy(outputs, below, layers[count - 1].outputs * sizeof(T));
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
