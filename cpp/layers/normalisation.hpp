// Normalisation: z = gamma x^ + beta, x^ = (x - mean) / sqrt(variance + epsilon), gamma and beta for each feature. A
// sample's values are (places, features): a place of an image, a step of a sequence, or the one place of a row.
// Means and variances are summed in float64.
#pragma once

#include "layers/panel_layer.hpp"

namespace chainrule {

template <class T>
class Normalisation : public PanelLayer<T> {
 public:
  size_t inputs() const override { return places_ * features_; }
  size_t outputs() const override { return places_ * features_; }
  size_t work() const override { return 4 * places_ * features_; }
  // x^
  size_t kept_size() const override { return places_ * features_; }

 protected:
  Normalisation(size_t size, size_t features, double epsilon);

  // dE/dgamma = sum of delta x^, dE/dbeta = sum of delta, over samples and places in their order.
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  const T* gamma() const { return this->panels(0); }
  const T* beta() const { return this->panels(1); }

  size_t places_, features_;
  double epsilon_;
};

// Over the features of each place (Ba, Kiros and Hinton 2016).
template <class T>
class LayerNorm final : public Normalisation<T> {
 public:
  LayerNorm(size_t size, size_t features, double epsilon) : Normalisation<T>(size, features, epsilon) {}

  // And 1 / sqrt(variance + epsilon) of each place.
  size_t kept_size() const override { return Normalisation<T>::kept_size() + this->places_; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;
};

// Over all samples and places (Ioffe and Szegedy 2015): those of the batch in training, else the running ones, which
// become momentum * running + (1 - momentum) * batch. Threads share out features, so each sum has all samples in order.
template <class T>
class BatchNorm final : public Normalisation<T> {
 public:
  BatchNorm(size_t size, size_t features, double momentum, double epsilon);

  // Running means, then running variances.
  size_t statistics_size() const override { return 2 * this->features_; }
  void bind_statistics(T* statistics) override { running_ = statistics; }
  void update_statistics(const Team&) const override;
  bool needs_whole_batch() const override { return true; }

  bool by_samples(const Team&, size_t) const override { return false; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  double momentum_;
  T* running_ = nullptr;
  // Means and variances of the batch that is in training.
  mutable AlignedArray<double> batch_;
};

}  // namespace chainrule
