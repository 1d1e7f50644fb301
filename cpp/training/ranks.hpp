// The processes that train one network together, such as one on each of some machines. Each has its share of every
// batch. Sums over samples are handed on from rank to rank, so that they are added up in the order of the samples and
// have the bytes of one process; the last rank then gives them to all.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/range.hpp"

namespace chainrule {

class Ranks {
 public:
  Ranks(size_t rank, size_t size) : rank_(rank), size_(size) {}
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  virtual ~Ranks() = default;

  size_t rank() const { return rank_; }
  size_t size() const { return size_; }
  bool is_alone() const { return size_ == 1; }
  bool is_first() const { return rank_ == 0; }
  bool is_last() const { return rank_ + 1 == size_; }

  // One thread calls these three, the one that called the core. They do not throw; after one that fails, none does
  // anything, and nothing that depends on their results may be done.
  virtual void receive_from_before(void* to, size_t bytes) = 0;
  virtual void send_to_next(const void* from, size_t bytes) = 0;
  virtual void broadcast_from_last(void* values, size_t bytes) = 0;
  virtual bool failed() const = 0;

  // This rank's share of some items, in whole blocks of `block` items. None is larger than that of the first rank.
  Range share(const Range& items, size_t block) const { return share_of(rank_, items, block); }
  // The number of items in the largest share.
  size_t largest_share(size_t items, size_t block) const { return share_of(0, {0, items}, block).end; }

 private:
  Range share_of(size_t rank, const Range& items, size_t block) const {
    const size_t blocks = (items.size() + block - 1) / block;
    const auto edge = [&](size_t r) {
      return std::min(items.begin + (blocks * r + size_ - 1) / size_ * block, items.end);
    };
    return {edge(rank), edge(rank + 1)};
  }

  size_t rank_, size_;
};

// A process that trains on its own.
class AloneRanks : public Ranks {
 public:
  AloneRanks() : Ranks(0, 1) {}
  void receive_from_before(void*, size_t) override {}
  void send_to_next(const void*, size_t) override {}
  void broadcast_from_last(void*, size_t) override {}
  bool failed() const override { return false; }
};

inline AloneRanks alone;

}  // namespace chainrule
