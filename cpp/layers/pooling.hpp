// Pooling: the maximum or the mean of the places in a window, separately for each channel.
#pragma once

#include "layers/lanes.hpp"
#include "layers/settings.hpp"

namespace chainrule {

struct PoolShape {
  PoolAxis rows, columns;
  size_t channels;
};

// A PoolAxis as a setting.
struct PoolAxisSettings {
  static constexpr const char* name = "PoolAxis";

  size_t inputs, outputs, window, stride, before;

  PoolAxis axis() const { return {inputs, outputs, window, stride, before}; }
  static constexpr auto fields() {
    using S = PoolAxisSettings;
    return std::tuple(field("inputs", &S::inputs), field("outputs", &S::outputs), field("window", &S::window),
                      field("stride", &S::stride), field("before", &S::before));
  }
};

struct PoolSettings {
  static constexpr const char* name = "PoolSettings";

  PoolAxisSettings rows;
  PoolAxisSettings columns;
  size_t channels;
  bool maximum;  // else the mean

  static constexpr auto fields() {
    using S = PoolSettings;
    return std::tuple(field("rows", &S::rows), field("columns", &S::columns), field("channels", &S::channels),
                      field("maximum", &S::maximum));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class PoolLayer final : public Layer<T> {
 public:
  enum class Pooling { maximum, mean };

  PoolLayer(const PoolShape& shape, Pooling pooling) : shape_(shape), pooling_(pooling) {}

  size_t inputs() const override { return shape_.rows.inputs * shape_.columns.inputs * shape_.channels; }
  size_t outputs() const override { return shape_.rows.outputs * shape_.columns.outputs * shape_.channels; }
  LayerTraits traits() const override {
    const size_t places = shape_.rows.outputs * shape_.columns.outputs * shape_.rows.window * shape_.columns.window;
    return {.work = places * shape_.channels, .takes_lanes = true, .row_work = places * whole_panels(shape_.channels)};
  }
  // Threads divide rows of images; without lanes, the way back divides samples.
  bool by_samples(const Team&, size_t) const override { return false; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  // For an image of a signal in rows, and for a group in lanes.
  Pool<T> image(const Signal<T>& below, const Signal<T>& above, size_t sample, const Range& part) const;
  Pool<T> lanes(const Signal<T>& below, const RowsOfGroup& part, size_t samples) const;

  PoolShape shape_;
  Pooling pooling_;
};

template <class T>
std::unique_ptr<Layer<T>> PoolSettings::make(size_t /*inputs*/) const {
  const PoolShape shape = {rows.axis(), columns.axis(), channels};
  using Pooling = typename PoolLayer<T>::Pooling;
  return std::make_unique<PoolLayer<T>>(shape, maximum ? Pooling::maximum : Pooling::mean);
}

}  // namespace chainrule
