// Objects that a call needs for itself and that are worth keeping for later calls. Any number of threads take them and
// put them back, without a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace chainrule {

template <class Object>
class Spares {
 public:
  Spares() = default;
  Spares(const Spares&) = delete;
  Spares& operator=(const Spares&) = delete;
  ~Spares() { clear(); }

  // One that no other thread has; null if there is none.
  std::unique_ptr<Object> take() {
    for (size_t i = 0; i < places_.size(); ++i) {
      std::atomic<Object*>& place = own_place(i);
      if (place.load(std::memory_order_relaxed) == nullptr) continue;
      if (Object* const object = place.exchange(nullptr, std::memory_order_acquire)) {
        return std::unique_ptr<Object>(object);
      }
    }
    return nullptr;
  }
  // Destroys it if all places are taken.
  void put_back(std::unique_ptr<Object> object) {
    for (size_t i = 0; i < places_.size(); ++i) {
      Object* nothing = nullptr;
      if (own_place(i).compare_exchange_strong(nothing, object.get(), std::memory_order_release,
                                               std::memory_order_relaxed)) {
        object.release();
        return;
      }
    }
  }
  void clear() {
    while (take() != nullptr) {
    }
  }

 private:
  // Each on a cache line that other threads rarely write to.
  struct alignas(64) Place {
    std::atomic<Object*> object{nullptr};
  };

  // Threads begin at different places.
  std::atomic<Object*>& own_place(size_t i) {
    static std::atomic<size_t> threads{0};
    thread_local const size_t first = threads++;
    return places_[(first + i) % places_.size()].object;
  }

  std::array<Place, 64> places_;
};

}  // namespace chainrule
