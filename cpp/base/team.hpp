// The threads that work together on one network: the only file, with team.cpp, that knows OpenMP.
#pragma once

#include <cstddef>
#include <functional>

#include "base/range.hpp"

namespace chainrule {

struct Meeting;

constexpr size_t row_group = 4;

// A thread's index among those that run the same work, and their barrier.
class Team {
 public:
  // A team of one.
  Team() = default;
  Team(size_t index, size_t size, Meeting* meeting) : index_(index), size_(size), meeting_(meeting) {}

  size_t index() const { return index_; }
  size_t size() const { return size_; }
  // The same team with its threads numbered in reverse.
  Team reversed() const { return Team(size_ - 1 - index_, size_, meeting_); }
  // Returns when every thread of the team has called it. All of them then see what the others wrote before. A thread
  // that has waited for long sleeps, and leaves its processor to others.
  void barrier() const;
  // The seconds that the team's threads have slept at barriers since this was last called, by one thread.
  double slept() const;
  // This thread's share of `count` items.
  Range share(size_t count) const { return {count * index_ / size_, count * (index_ + 1) / size_}; }
  // This thread's share of some items.
  Range share(const Range& items) const {
    const Range own = share(items.size());
    return {items.begin + own.begin, items.begin + own.end};
  }
  // This thread's share of `samples` rows, in whole groups of rows, which kernels process together.
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

// Runs `work` once on each thread of a team of at most `threads`, and at most as many as there are processors, as more
// would wait for each other. `work` must not throw, and must not assume that the team has as many threads as were asked
// for. Denormal numbers are zero during the work.
void run_team(size_t threads, const std::function<void(const Team&)>& work);

// 0 restores the default: what OpenMP (without it, the processor) and the container allow. Any other number is a limit,
// unless one that has been lowered since the start (threadpoolctl) is below it.
void set_num_threads(size_t threads);
size_t max_threads();

// Limits the teams that the calling thread starts, below what all threads may have; 0: no more than that.
void limit_own_teams(size_t threads);

// How large teams are: as large as pays; or, for tests, as large as was asked for, even on fewer processors, or of a
// random number of threads that changes from step to step. Results are the same bytes.
enum class TeamSizes { that_pay, as_asked, random };
void set_team_sizes(TeamSizes sizes);
TeamSizes team_sizes();

}  // namespace chainrule
