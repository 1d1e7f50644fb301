// An array that begins on a cache line, or on a huge page if it has some, and is initialised to zero. The core stores
// all large arrays of numbers in it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "base/huge_pages.hpp"

namespace chainrule {

template <class T>
class AlignedArray {
 public:
  static constexpr std::size_t alignment = 64;

  AlignedArray() = default;
  explicit AlignedArray(std::size_t size) : size_(size), capacity_(size) {
    const std::align_val_t aligned{is_huge(bytes(size)) ? huge_page : alignment};
    data_ = {static_cast<T*>(::operator new(bytes(size), aligned)), Release{aligned}};
    if (is_huge(bytes(size))) prefer_huge_pages(data_.get(), bytes(size));
    std::memset(data_.get(), 0, bytes(size));
  }
  AlignedArray(const AlignedArray& other) : AlignedArray(other.size_) {
    if (size_ > 0) std::memcpy(data_.get(), other.data_.get(), size_ * sizeof(T));
  }
  AlignedArray(AlignedArray&& other) noexcept { *this = std::move(other); }
  // New memory is slow, because its pages must be mapped: memory of the same size is reused.
  AlignedArray& operator=(const AlignedArray& other) {
    if (size_ != other.size_) return *this = AlignedArray(other);
    if (size_ > 0 && this != &other) std::memcpy(data_.get(), other.data_.get(), size_ * sizeof(T));
    return *this;
  }
  AlignedArray& operator=(AlignedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }

  // Makes the array longer; new elements are zero. The capacity grows by an eighth at least, so that many short
  // extensions rarely copy the whole.
  void extend(std::size_t size) {
    if (size > capacity_) {
      AlignedArray grown(std::max(size, capacity_ + capacity_ / 8));
      if (size_ > 0) std::memcpy(grown.data(), data(), size_ * sizeof(T));
      *this = std::move(grown);
    }
    size_ = size;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Release {
    std::align_val_t aligned{alignment};
    void operator()(T* p) const { ::operator delete(p, aligned); }
  };
  static std::size_t bytes(std::size_t size) {
    if (size > PTRDIFF_MAX / sizeof(T)) throw std::bad_alloc();
    return size * sizeof(T);
  }

  std::unique_ptr<T, Release> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace chainrule
