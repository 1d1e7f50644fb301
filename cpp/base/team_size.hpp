// How many threads a team should have from step to step. Where other processes use the processors, a thread can wait
// for another that is not running, and fewer threads are faster.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>

#include "base/team.hpp"

namespace chainrule {

// Watches steps that take about the same time. If threads sleep for a good part of it, half as many are tried: for a
// while, which grows each time, or until those turn out to be slower. Several threads may share it.
class TeamSize {
 public:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;

  // What some steps in a row took.
  struct Steps {
    size_t count;
    size_t threads;
    double slept;  // seconds, by all threads together
    Clock::time_point begin, end;
  };

  // The number of threads for the next steps, at most `most`.
  size_t threads(size_t most) const;
  void took(const Steps& steps);

 private:
  void judge(size_t threads, Clock::time_point now);
  void halve(size_t threads, Clock::time_point now);
  // Whether half as many threads as before take longer for a step.
  bool is_slower(size_t threads) const;
  void take_back(Clock::time_point now);

  mutable std::mutex mutex_;
  size_t limit_ = SIZE_MAX;  // threads
  // Since the last judgement.
  size_t steps_ = 0;
  Seconds watched_{0}, slept_{0};
  // The team that was halved.
  size_t halved_threads_ = 0;
  Seconds halved_seconds_{0};  // per step
  // Until then a halved team stays as it is, and for so long it will the next time.
  Clock::time_point rests_until_{};
  Seconds rest_{0};
  // Until then a team is not halved, and for so long it is not the next time, as half of it was slower.
  Clock::time_point trusted_until_{};
  Seconds trust_{0};
  size_t taken_ = 0;  // how often steps were reported
};

// Runs `work` once on each thread of a team of at most `most`, as run_team.
void run_step(TeamSize& size, size_t most, const std::function<void(const Team&)>& work);

// Calls work(thread, item) for items 0 ... items - 1, on at most `most` threads. A thread that has finished an item
// takes the next one, so that the caller waits for no items but those that other threads have begun.
void run_items(TeamSize& size, size_t most, size_t items, const std::function<void(size_t, size_t)>& work);

}  // namespace chainrule
