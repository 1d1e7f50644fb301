// The one list of all kinds of layers, and the way from settings to a layer.
#pragma once

#include <variant>

#include "layers/activation.hpp"
#include "layers/batch_norm.hpp"
#include "layers/columns.hpp"
#include "layers/composite.hpp"
#include "layers/convolution.hpp"
#include "layers/dense.hpp"
#include "layers/embedding.hpp"
#include "layers/layer_norm.hpp"
#include "layers/masking.hpp"
#include "layers/members.hpp"
#include "layers/mixed_activation.hpp"
#include "layers/noise.hpp"
#include "layers/periodic.hpp"
#include "layers/piecewise_linear.hpp"
#include "layers/pooling.hpp"
#include "layers/recurrent.hpp"
#include "layers/rescaling.hpp"
#include "layers/resizing.hpp"
#include "layers/scale.hpp"
#include "layers/selection.hpp"
#include "layers/stepwise_dense.hpp"

namespace chainrule {

using LayerSettings =
    std::variant<ActivationSettings, BatchEnsembleSettings, BatchNormSettings, ConvolutionSettings, DenseSettings,
                 DropoutSettings, EmbeddingSettings, ForkSettings, GaussianNoiseSettings, LayerNormSettings,
                 MaskingSettings, MergeSettings, MixedActivationSettings, NormalizationSettings, OneHotSettings,
                 PeriodicSettings, PiecewiseLinearSettings, PoolSettings, RecallSettings, RecurrentSettings,
                 RepeatSettings, RescaleSettings, SamplingSettings, ScaleSettings, SelectSettings,
                 SeparateDenseSettings, StepwiseDenseSettings, UpSampleSettings, ZeroPadSettings>;

// Throws std::invalid_argument for settings that make no sense.
template <class T>
std::unique_ptr<Layer<T>> make_layer(const LayerSettings& settings, size_t inputs) {
  return std::visit([&](const auto& of_kind) { return of_kind.template make<T>(inputs); }, settings);
}

}  // namespace chainrule
