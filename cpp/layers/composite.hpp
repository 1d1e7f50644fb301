// Parallel branches, laid out as layers in a row: Fork, the first branch, Recall, the second branch, Recall, ...,
// Merge. The fork passes the block's inputs to the first branch, each recall passes them to its branch again, and the
// merge joins the ends of all branches. Recalls read the fork's signal, and the merge those at the ends of branches
// (Signal::sources). All of them divide samples, so that a thread reads only what it has written itself, or what was
// written before a barrier.
#pragma once

#include <algorithm>

#include "layers/layer.hpp"
#include "layers/settings.hpp"

namespace chainrule {

// The position of a branch's outputs, (places, width), in those of the block, (places, of).
struct Slice {
  static constexpr const char* name = "Slice";

  size_t places, first, width, of;

  static constexpr auto fields() {
    using S = Slice;
    return std::tuple(field("places", &S::places), field("first", &S::first), field("width", &S::width),
                      field("of", &S::of));
  }
};

struct ForkSettings {
  static constexpr const char* name = "ForkSettings";

  static constexpr auto fields() { return std::tuple(); }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Fork final : public Layer<T> {
 public:
  explicit Fork(size_t size) : size_(size) {}

  size_t inputs() const override { return size_; }
  size_t outputs() const override { return size_; }
  LayerTraits traits() const override { return {.work = size_, .collects_deltas = true, .predicts_in_place = true}; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t size_;
};

struct RecallSettings {
  static constexpr const char* name = "RecallSettings";

  size_t size;  // of the outputs

  static constexpr auto fields() {
    using S = RecallSettings;
    return std::tuple(field("size", &S::size));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Recall final : public Layer<T> {
 public:
  // Its inputs, which only the merge reads, are the outputs of the branch before; its outputs are those of the fork.
  Recall(size_t inputs, size_t outputs) : inputs_(inputs), outputs_(outputs) {}

  size_t inputs() const override { return inputs_; }
  size_t outputs() const override { return outputs_; }
  LayerTraits traits() const override { return {.work = outputs_, .returns_deltas = true}; }
  bool takes_sources(std::span<const Layer<T>* const> sources) const override {
    return sources.size() == 1 && sources[0]->outputs() == outputs_ && sources[0]->traits().collects_deltas;
  }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  // Does nothing: the merge has computed the deltas below, and the fork adds up those above.
  void backward(const Team&, const Signal<T>&, const Signal<T>&, size_t, const Pass&) const override {}

 private:
  size_t inputs_, outputs_;
};

struct MergeSettings {
  static constexpr const char* name = "MergeSettings";

  std::vector<Slice> slices;  // one per branch

  static constexpr auto fields() {
    using S = MergeSettings;
    return std::tuple(field("slices", &S::slices));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

// The sum of the branches if their slices are the same, else their outputs side by side. Its sources are the layers at
// the ends of the branches, the last of which is directly below.
template <class T>
class Merge final : public Layer<T> {
 public:
  // One slice per branch.
  explicit Merge(std::vector<Slice> slices) : slices_(std::move(slices)) {}

  size_t inputs() const override { return slices_.back().places * slices_.back().width; }
  size_t outputs() const override { return slices_.back().places * slices_.back().of; }
  LayerTraits traits() const override { return {.work = outputs()}; }
  bool takes_sources(std::span<const Layer<T>* const> sources) const override {
    const auto fits = [](const Layer<T>* source, const Slice& slice) {
      return source->outputs() == slice.places * slice.width;
    };
    return std::equal(sources.begin(), sources.end(), slices_.begin(), slices_.end(), fits);
  }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  std::vector<Slice> slices_;
};

template <class T>
std::unique_ptr<Layer<T>> ForkSettings::make(size_t inputs) const {
  return std::make_unique<Fork<T>>(inputs);
}

template <class T>
std::unique_ptr<Layer<T>> RecallSettings::make(size_t inputs) const {
  return std::make_unique<Recall<T>>(inputs, size);
}

template <class T>
std::unique_ptr<Layer<T>> MergeSettings::make(size_t inputs) const {
  if (slices.empty()) throw std::invalid_argument("slices must have one element per branch, got none");
  for (const Slice& slice : slices) {
    const bool fits = slice.width <= slice.of && slice.first <= slice.of - slice.width;
    if (!fits || slice.places != slices[0].places || slice.of != slices[0].of) {
      throw std::invalid_argument("slices must be parts of the same outputs");
    }
  }
  quotient(inputs, slices.back().places, "places");
  return std::make_unique<Merge<T>>(slices);
}

}  // namespace chainrule
