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

// What both have in common: images with samples in the lanes of vectors have 16 times as many channels.
template <class T>
class Resizing : public Layer<T> {
 public:
  LayerTraits traits() const override {
    const size_t places = this->outputs() / channels_;
    return {.work = places * channels_, .takes_lanes = true, .row_work = places * whole_panels(channels_)};
  }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 protected:
  explicit Resizing(size_t channels) : channels_(channels) {}

  // The result of an image, or the deltas of an image from those of its result.
  virtual void resize(const T* image, size_t channels, T* result) const = 0;
  virtual void collect(const T* result, size_t channels, T* image) const = 0;

 private:
  size_t channels_;
};

template <class T>
class ZeroPad final : public Resizing<T> {
 public:
  explicit ZeroPad(const ZeroPadSettings& shape) : Resizing<T>(shape.channels), shape_(shape) {}

  size_t inputs() const override { return shape_.height * shape_.width * shape_.channels; }
  size_t outputs() const override {
    return (shape_.top + shape_.height + shape_.bottom) * padded_width() * shape_.channels;
  }

 private:
  void resize(const T* image, size_t channels, T* result) const override;
  void collect(const T* result, size_t channels, T* image) const override;
  size_t padded_width() const { return shape_.left + shape_.width + shape_.right; }
  // Where a row of the image begins in the padded image.
  size_t row_begin(size_t y, size_t channels) const {
    return ((shape_.top + y) * padded_width() + shape_.left) * channels;
  }

  ZeroPadSettings shape_;
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
class UpSample final : public Resizing<T> {
 public:
  explicit UpSample(const UpSampleSettings& shape) : Resizing<T>(shape.channels), shape_(shape) {}

  size_t inputs() const override { return shape_.height * shape_.width * shape_.channels; }
  size_t outputs() const override { return inputs() * shape_.down * shape_.right; }

 private:
  void resize(const T* image, size_t channels, T* result) const override;
  void collect(const T* result, size_t channels, T* image) const override;

  UpSampleSettings shape_;
};

template <class T>
std::unique_ptr<Layer<T>> ZeroPadSettings::make(size_t /*inputs*/) const {
  return std::make_unique<ZeroPad<T>>(*this);
}

template <class T>
std::unique_ptr<Layer<T>> UpSampleSettings::make(size_t /*inputs*/) const {
  return std::make_unique<UpSample<T>>(*this);
}

}  // namespace chainrule
