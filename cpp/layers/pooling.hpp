// Pools: the maximum or the mean of the places under a window, for each channel by itself.
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
  enum class Of { maximum, mean };

  PoolLayer(const PoolShape& shape, Of of) : shape_(shape), of_(of) {}

  size_t inputs() const override { return shape_.rows.inputs * shape_.columns.inputs * shape_.channels; }
  size_t outputs() const override { return shape_.rows.outputs * shape_.columns.outputs * shape_.channels; }
  size_t work() const override { return outputs() * shape_.rows.window * shape_.columns.window; }

  bool takes_lanes() const override { return true; }
  // In lanes, threads share out rows of images.
  bool by_samples(const Team&, size_t) const override { return false; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  Pool<T> rows(const Signal<T>& below, const Signal<T>& above, const Range& samples, size_t height) const;
  Pool<T> lanes(const Signal<T>& below, const RowsOfGroup& part, size_t samples) const;

  PoolShape shape_;
  Of of_;
};

}  // namespace chainrule
