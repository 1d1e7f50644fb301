// Pooling: the maximum or the mean of the places in a window, separately for each channel.
#pragma once

#include "layers/lanes.hpp"

namespace chainrule {

struct PoolShape {
  PoolAxis rows, columns;
  size_t channels;
};

template <class T>
class PoolLayer final : public Layer<T> {
 public:
  enum class Pooling { maximum, mean };

  PoolLayer(const PoolShape& shape, Pooling pooling) : shape_(shape), pooling_(pooling) {}

  size_t inputs() const override { return shape_.rows.inputs * shape_.columns.inputs * shape_.channels; }
  size_t outputs() const override { return shape_.rows.outputs * shape_.columns.outputs * shape_.channels; }
  LayerTraits traits() const override {
    return {.work = outputs() * shape_.rows.window * shape_.columns.window, .takes_lanes = true};
  }
  // In lanes, threads divide rows of images.
  bool by_samples(const Team&, size_t) const override { return false; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  Pool<T> rows(const Signal<T>& below, const Signal<T>& above, const Range& samples, size_t height) const;
  Pool<T> lanes(const Signal<T>& below, const RowsOfGroup& part, size_t samples) const;

  PoolShape shape_;
  Pooling pooling_;
};

}  // namespace chainrule
