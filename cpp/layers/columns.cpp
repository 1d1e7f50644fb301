#include "layers/columns.hpp"

#include <cstring>
#include <numeric>

#include "layers/codes.hpp"

namespace chainrule {

template <class T>
OneHot<T>::OneHot(std::vector<size_t> codes, bool zero_is_missing)
    : codes_(std::move(codes)),
      unseen_(zero_is_missing),
      outputs_(std::accumulate(codes_.begin(), codes_.end(), size_t(0)) - unseen_ * codes_.size()) {}

template <class T>
void OneHot<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                        const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    const T* x = below.activations + row * below.stride;
    T* flags = above.activations + row * above.stride;
    std::memset(flags, 0, outputs_ * sizeof(T));
    for (size_t column = 0; column < codes_.size(); flags += codes_[column] - unseen_, ++column) {
      const size_t code = code_of(x[column], codes_[column]);
      if (code >= unseen_) flags[code - unseen_] = T(1);
    }
  }
  copy_to_pre_activations(above, rows);
}

// Codes have no gradient.
template <class T>
void OneHot<T>::backward(const Team& team, const Signal<T>&, const Signal<T>& below, size_t samples,
                         const Pass&) const {
  const Range rows = team.share_rows(samples);
  std::memset(below.deltas + rows.begin * below.stride, 0, rows.size() * below.stride * sizeof(T));
}

template class OneHot<float>;
template class OneHot<double>;

}  // namespace chainrule
