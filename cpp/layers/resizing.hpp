// Layers that move the values of images [height][width][channels]: a border of zeros, and copies of each place.
#pragma once

#include "layers/layer.hpp"

namespace chainrule {

template <class T>
class ZeroPad final : public Layer<T> {
 public:
  struct Shape {
    size_t height, width, channels, top, bottom, left, right;
  };

  explicit ZeroPad(const Shape& shape) : shape_(shape) {}

  size_t inputs() const override { return shape_.height * row(); }
  size_t outputs() const override { return (shape_.top + shape_.height + shape_.bottom) * padded_row(); }
  size_t work() const override { return inputs(); }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t row() const { return shape_.width * shape_.channels; }
  size_t padded_row() const { return row() + (shape_.left + shape_.right) * shape_.channels; }
  // Where a row of the image lies among the padded values.
  size_t place(size_t y) const { return (shape_.top + y) * padded_row() + shape_.left * shape_.channels; }

  Shape shape_;
};

// z[y, x] = x[y / down, x / right], whole quotients.
template <class T>
class UpSample final : public Layer<T> {
 public:
  struct Shape {
    size_t height, width, channels, down, right;
  };

  explicit UpSample(const Shape& shape) : shape_(shape) {}

  size_t inputs() const override { return shape_.height * shape_.width * shape_.channels; }
  size_t outputs() const override { return inputs() * shape_.down * shape_.right; }
  size_t work() const override { return outputs(); }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  // Calls move(place below, place above), each the first of `channels` values, in the order of the places above.
  template <class Move>
  void for_each_place(Move move) const;

  Shape shape_;
};

}  // namespace chainrule
