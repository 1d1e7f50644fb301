// Parallel branches, laid out as layers in a row: Fork, the first branch, Recall, the second branch, Recall, ...,
// Merge. The fork passes the block's inputs to the first branch, each recall passes them to its branch again, and the
// merge joins the ends of all branches. Recalls read the fork's signal, and the merge those at the ends of branches
// (Signal::sources). All of them divide samples, so that a thread reads only what it has written itself, or what was
// written before a barrier.
#pragma once

#include "layers/layer.hpp"

namespace chainrule {

// The position of a branch's outputs, (places, width), in those of the block, (places, of).
struct Slice {
  size_t places, first, width, of;
};

template <class T>
class Fork final : public Layer<T> {
 public:
  explicit Fork(size_t size) : size_(size) {}

  size_t inputs() const override { return size_; }
  size_t outputs() const override { return size_; }
  LayerTraits traits() const override { return {.work = size_, .collects_deltas = true}; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t size_;
};

template <class T>
class Recall final : public Layer<T> {
 public:
  // Its inputs, which only the merge reads, are the outputs of the branch before; its outputs are those of the fork.
  Recall(size_t inputs, size_t outputs) : inputs_(inputs), outputs_(outputs) {}

  size_t inputs() const override { return inputs_; }
  size_t outputs() const override { return outputs_; }
  LayerTraits traits() const override { return {.work = outputs_, .source_count = 1, .returns_deltas = true}; }
  bool takes_source(size_t, const Layer<T>& source) const override {
    return source.outputs() == outputs_ && source.traits().collects_deltas;
  }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  // Does nothing: the merge has computed the deltas below, and the fork adds up those above.
  void backward(const Team&, const Signal<T>&, const Signal<T>&, size_t, const Pass&) const override {}

 private:
  size_t inputs_, outputs_;
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
  LayerTraits traits() const override { return {.work = outputs(), .source_count = slices_.size()}; }
  bool takes_source(size_t i, const Layer<T>& source) const override {
    return source.outputs() == slices_[i].places * slices_[i].width;
  }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  std::vector<Slice> slices_;
};

}  // namespace chainrule
