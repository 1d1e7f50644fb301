// Branches side by side, laid out as layers in a row: Fork, the first branch, Recall, the second branch, Recall, ...,
// Merge. The fork passes the block's inputs on to the first branch, a recall brings them again for the next one, and
// the merge joins the ends of all branches. They find each other's signals by their distance in the row
// (Signal::place), and all of them share out samples, so that a thread reads what it has written itself or what lies
// before a barrier.
#pragma once

#include "layers/layer.hpp"

namespace chainrule {

// Where a branch's outputs, (places, width), lie in the block's, (places, of).
struct Slice {
  size_t places, first, width, of;
};

template <class T>
class Fork final : public Layer<T> {
 public:
  // `recalls`: how far ahead the signals above the recalls are.
  Fork(size_t size, std::vector<size_t> recalls) : size_(size), recalls_(std::move(recalls)) {}

  size_t inputs() const override { return size_; }
  size_t outputs() const override { return size_; }
  size_t work() const override { return size_; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t size_;
  std::vector<size_t> recalls_;
};

template <class T>
class Recall final : public Layer<T> {
 public:
  // `fork` is as far behind, and `merge` as far ahead; the slice is that of the branch which ends here.
  Recall(size_t size, size_t fork, size_t merge, const Slice& slice)
      : size_(size), fork_(fork), merge_(merge), slice_(slice) {}

  size_t inputs() const override { return slice_.places * slice_.width; }
  size_t outputs() const override { return size_; }
  size_t work() const override { return size_; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t size_, fork_, merge_;
  Slice slice_;
};

// The sum of the branches where their slices are the same, else their outputs side by side.
template <class T>
class Merge final : public Layer<T> {
 public:
  // `ends`: how far behind the signals at the ends of the branches are.
  Merge(std::vector<size_t> ends, std::vector<Slice> slices) : ends_(std::move(ends)), slices_(std::move(slices)) {}

  size_t inputs() const override { return slices_.back().places * slices_.back().width; }
  size_t outputs() const override { return slices_.back().places * slices_.back().of; }
  size_t work() const override { return outputs(); }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  std::vector<size_t> ends_;
  std::vector<Slice> slices_;
};

}  // namespace chainrule
