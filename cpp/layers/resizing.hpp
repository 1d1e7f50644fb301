// Layers that resize images [height][width][channels]: by a border of zeros, or by copies of each place.
#pragma once

#include "layers/layer.hpp"
#include "layers/settings.hpp"

namespace chainrule {

struct ZeroPadSettings {
  static constexpr const char* name = "ZeroPadSettings";

  size_t height;
  size_t width;
  size_t channels;
  size_t top;
  size_t bottom;
  size_t left;
  size_t right;

  static constexpr auto fields() {
    using S = ZeroPadSettings;
    return std::tuple(field("height", &S::height), field("width", &S::width), field("channels", &S::channels),
                      field("top", &S::top), field("bottom", &S::bottom), field("left", &S::left),
                      field("right", &S::right));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class ZeroPad final : public Layer<T> {
 public:
  struct Shape {
    size_t height, width, channels, top, bottom, left, right;
  };

  explicit ZeroPad(const Shape& shape) : shape_(shape) {}

  size_t inputs() const override { return shape_.height * row(); }
  size_t outputs() const override { return (shape_.top + shape_.height + shape_.bottom) * padded_row(); }
  LayerTraits traits() const override { return {.work = inputs()}; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t row() const { return shape_.width * shape_.channels; }
  size_t padded_row() const { return row() + (shape_.left + shape_.right) * shape_.channels; }
  // Where a row of the image begins in the padded image.
  size_t row_begin(size_t y) const { return (shape_.top + y) * padded_row() + shape_.left * shape_.channels; }

  Shape shape_;
};

struct UpSampleSettings {
  static constexpr const char* name = "UpSampleSettings";

  size_t height;
  size_t width;
  size_t channels;
  size_t down;
  size_t right;

  static constexpr auto fields() {
    using S = UpSampleSettings;
    return std::tuple(field("height", &S::height), field("width", &S::width), field("channels", &S::channels),
                      field("down", &S::down), field("right", &S::right));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

// z[y, x] = x[y / down, x / right], with integer quotients.
template <class T>
class UpSample final : public Layer<T> {
 public:
  struct Shape {
    size_t height, width, channels, down, right;
  };

  explicit UpSample(const Shape& shape) : shape_(shape) {}

  size_t inputs() const override { return shape_.height * shape_.width * shape_.channels; }
  size_t outputs() const override { return inputs() * shape_.down * shape_.right; }
  LayerTraits traits() const override { return {.work = outputs()}; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  // Calls move(offset below, offset above) for each place above, in order; both are offsets of its first channel.
  template <class Move>
  void for_each_place(Move move) const;

  Shape shape_;
};

template <class T>
std::unique_ptr<Layer<T>> ZeroPadSettings::make(size_t /*inputs*/) const {
  return std::make_unique<ZeroPad<T>>(typename ZeroPad<T>::Shape{height, width, channels, top, bottom, left, right});
}

template <class T>
std::unique_ptr<Layer<T>> UpSampleSettings::make(size_t /*inputs*/) const {
  return std::make_unique<UpSample<T>>(typename UpSample<T>::Shape{height, width, channels, down, right});
}

}  // namespace chainrule
