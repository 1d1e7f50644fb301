#include "layers/make_layer.hpp"

#include <stdexcept>

#include "layers/activation.hpp"
#include "layers/composite.hpp"
#include "layers/convolution.hpp"
#include "layers/dense.hpp"
#include "layers/embedding.hpp"
#include "layers/masking.hpp"
#include "layers/noise.hpp"
#include "layers/normalisation.hpp"
#include "layers/pooling.hpp"
#include "layers/recurrent.hpp"
#include "layers/resizing.hpp"
#include "layers/stepwise_dense.hpp"

namespace chainrule {

double LayerSettings::number(const std::string& name) const {
  const auto found = numbers.find(name);
  if (found == numbers.end()) throw std::invalid_argument(kind + " needs the number '" + name + "'");
  return found->second;
}

std::vector<size_t> LayerSettings::sizes(const std::string& name) const {
  std::vector<size_t> values;
  while (true) {
    const auto found = numbers.find(name + "." + std::to_string(values.size()));
    if (found == numbers.end()) return values;
    values.push_back(size_t(found->second));
  }
}

namespace {

template <class T>
std::unique_ptr<Layer<T>> make_recurrent(const RecurrentCell& cell, const LayerSettings& of) {
  return std::make_unique<Recurrent<T>>(
      cell, typename Recurrent<T>::Options{of.size("steps"), of.inputs / of.size("steps"), of.size("units"),
                                           of.number("return_sequences") != 0, of.size("directions"),
                                           of.size("padding") > 0, of.number("stateful") != 0,
                                           of.number("recurrent_dropout"), of.number("l1"), of.number("l2")});
}

// Images are those of a convolution's wide side.
ConvolutionShape convolution_shape(const LayerSettings& of) {
  const auto axis = [&](const std::string& name) -> ConvolutionAxis {
    return {of.size(name),
            of.size(name + "_result"),
            of.size(name + "_kernel"),
            of.size(name + "_stride"),
            of.size(name + "_dilation"),
            of.size(name + "_before")};
  };
  return {axis("height"), axis("width"), of.size("image_channels"), of.size("result_channels"), of.size("groups")};
}

template <class T, bool transposed>
std::unique_ptr<Layer<T>> make_convolution(const LayerSettings& of) {
  return std::make_unique<Convolution<T>>(convolution_shape(of), transposed, of.activation, of.number("l1"),
                                          of.number("l2"));
}

template <class T, bool maximum>
std::unique_ptr<Layer<T>> make_pool(const LayerSettings& of) {
  const auto axis = [&](const std::string& name) -> PoolAxis {
    return {of.size(name), of.size(name + "_result"), of.size(name + "_window"), of.size(name + "_stride"),
            of.size(name + "_before")};
  };
  return std::make_unique<PoolLayer<T>>(PoolShape{axis("height"), axis("width"), of.size("channels")},
                                        maximum ? PoolLayer<T>::Pooling::maximum : PoolLayer<T>::Pooling::mean);
}

}  // namespace

std::vector<size_t> sources_of(const LayerSettings& settings, size_t index) {
  const auto distance = [&](const std::string& name) {
    const auto found = settings.numbers.find(name);
    return found == settings.numbers.end() ? size_t(0) : size_t(found->second);
  };
  if (settings.kind == "Recall") return {index - distance("fork")};
  if (settings.kind == "Merge") {
    std::vector<size_t> ends = settings.sizes("end");
    for (size_t& end : ends) end = index - end;
    return ends;
  }
  return distance("padding") > 0 ? std::vector<size_t>{index - distance("padding")} : std::vector<size_t>();
}

template <class T>
std::unique_ptr<Layer<T>> make_layer(const LayerSettings& s) {
  using Maker = std::unique_ptr<Layer<T>> (*)(const LayerSettings&);
  static const std::map<std::string, Maker> makers = {
      {"AvgPool1D", make_pool<T, false>},
      {"AvgPool2D", make_pool<T, false>},
      {"Conv1D", make_convolution<T, false>},
      {"Conv2D", make_convolution<T, false>},
      {"Conv2DTranspose", make_convolution<T, true>},
      {"Dense",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<Dense<T>>(
             of.inputs, of.size("units"),
             typename Dense<T>::Options{of.activation, of.number("l1"), of.number("l2"), of.number("max_norm")});
       }},
      {"Activation",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<ActivationLayer<T>>(of.inputs, of.activation);
       }},
      {"BatchNorm",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<BatchNorm<T>>(of.inputs, of.size("features"), of.number("momentum"),
                                               of.number("epsilon"));
       }},
      {"Dropout",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<Dropout<T>>(of.inputs, of.number("rate"), of.size("group"));
       }},
      {"Embedding",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<Embedding<T>>(of.inputs, of.size("vocabulary"), of.size("units"), of.number("l1"),
                                               of.number("l2"));
       }},
      {"Fork",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> { return std::make_unique<Fork<T>>(of.inputs); }},
      {"GRU",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return make_recurrent<T>(gru_cell(of.number("reset_after") != 0), of);
       }},
      {"GaussianNoise",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<GaussianNoise<T>>(of.inputs, of.number("deviation"));
       }},
      {"GlobalAvgPool1D", make_pool<T, false>},
      {"GlobalAvgPool2D", make_pool<T, false>},
      {"MaxPool1D", make_pool<T, true>},
      {"MaxPool2D", make_pool<T, true>},
      {"LayerNorm",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<LayerNorm<T>>(of.inputs, of.size("features"), of.number("epsilon"));
       }},
      {"Masking",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<Masking<T>>(of.inputs, of.size("steps"), of.number("value"));
       }},
      {"Merge",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         const std::vector<size_t> first = of.sizes("first"), width = of.sizes("width");
         std::vector<Slice> slices;
         for (size_t i = 0; i < first.size(); ++i) {
           slices.push_back({of.size("places"), first[i], width.at(i), of.size("of")});
         }
         return std::make_unique<Merge<T>>(slices);
       }},
      {"Recall",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<Recall<T>>(of.inputs, of.size("size"));
       }},
      {"LSTM",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return make_recurrent<T>(lstm_cell(of.number("peepholes") != 0), of);
       }},
      {"Sampling",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<Sampling<T>>(of.inputs / 2, of.number("kl"));
       }},
      {"SimpleRNN",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> { return make_recurrent<T>(simple_cell(), of); }},
      {"StepwiseDense",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         const size_t steps = of.size("steps");
         return std::make_unique<StepwiseDense<T>>(typename StepwiseDense<T>::Options{
             steps, of.inputs / steps, of.size("units"), of.activation, of.number("l1"), of.number("l2")});
       }},
      {"UpSample2D",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<UpSample<T>>(typename UpSample<T>::Shape{
             of.size("height"), of.size("width"), of.size("channels"), of.size("down"), of.size("right")});
       }},
      {"ZeroPad2D",
       [](const LayerSettings& of) -> std::unique_ptr<Layer<T>> {
         return std::make_unique<ZeroPad<T>>(
             typename ZeroPad<T>::Shape{of.size("height"), of.size("width"), of.size("channels"), of.size("top"),
                                        of.size("bottom"), of.size("left"), of.size("right")});
       }},
  };
  const auto found = makers.find(s.kind);
  if (found == makers.end()) throw std::invalid_argument("unknown kind of layer '" + s.kind + "'");
  return found->second(s);
}

template std::unique_ptr<Layer<float>> make_layer<float>(const LayerSettings&);
template std::unique_ptr<Layer<double>> make_layer<double>(const LayerSettings&);

}  // namespace chainrule
