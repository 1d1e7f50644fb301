// Polls: the caller of a long computation is asked now and then whether to continue.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

#include "base/tuning.hpp"

namespace chainrule {

// One thread calls it with the number of whole steps of the epoch that are done; false stops.
using Poll = std::function<bool(size_t)>;

// Polls at intervals of time, but reads the clock only after some work.
class PollTimer {
 public:
  PollTimer(const Poll& poll, double work_per_chunk)
      : poll_(poll), chunks_between_(size_t(std::max(1.0, tuning::work_between_polls / work_per_chunk))) {}
  // One that is asked between epochs, and reads the clock after each.
  explicit PollTimer(const Poll& poll) : poll_(poll), chunks_between_(1) {}

  // Called after each chunk; false: stop.
  bool may_continue(size_t steps) {
    if (!poll_ || ++chunks_ % chunks_between_ != 0) return true;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(tuning::milliseconds_between_polls)) return true;
    last_ = now;
    return poll_(steps);
  }

 private:
  const Poll& poll_;
  size_t chunks_between_;
  size_t chunks_ = 0;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace chainrule
