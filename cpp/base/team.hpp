// The threads that work on one network at a time: the only place that knows OpenMP.
#pragma once

#include <cstddef>
#include <functional>

#include "base/range.hpp"

namespace chainrule {

struct Meeting;

constexpr size_t row_group = 4;

// A thread's place among those that run the same work.
class Team {
 public:
  // A team of one.
  Team() = default;
  Team(size_t index, size_t size, Meeting* meeting) : index_(index), size_(size), meeting_(meeting) {}

  size_t index() const { return index_; }
  size_t size() const { return size_; }
  // The same team, numbered from the other end.
  Team reversed() const { return Team(size_ - 1 - index_, size_, meeting_); }
  // Returns when every thread of the team has called it; what they wrote before is seen by all.
  void barrier() const;
  // This thread's part of `count` things.
  Range share(size_t count) const { return {count * index_ / size_, count * (index_ + 1) / size_}; }
  // This thread's part of `samples` rows, cut between whole groups of rows that kernels take together.
  Range share_rows(size_t samples) const {
    const Range part = share(samples);
    const bool last = index_ + 1 == size_;
    return {part.begin / row_group * row_group, last ? samples : part.end / row_group * row_group};
  }

 private:
  size_t index_ = 0;
  size_t size_ = 1;
  Meeting* meeting_ = nullptr;
};

// Runs `work` once on each thread of a team of at most `threads`. `work` must not throw, and must take no more threads
// than it is given for granted. Numbers too small for a normal float are zero meanwhile.
void run_team(size_t threads, const std::function<void(const Team&)>& work);

// 0: the default, which is what OpenMP (the processor, without it) and the container allow. A number that is set is
// taken as it is, even above the cores, but not above a limit that was lowered meanwhile (threadpoolctl).
void set_num_threads(size_t threads);
size_t max_threads();

}  // namespace chainrule
