// The processors that this process may use, which can be fewer than the machine has.
#pragma once

#include <cstddef>
#include <filesystem>
#include <mutex>
#include <string>

#if defined(__linux__)
#include <sched.h>
#endif

namespace chainrule {

// The processors of this process's affinity, but not more than its container's quota, rounded up; at least one. The
// affinity is read anew each time, the quota once.
size_t available_processors();

// The processors that the threads of a team run on. Linux can wake a thread on the processor of the one that wakes it,
// and leave both there for many milliseconds while another processor is idle.
class TakenProcessors {
 public:
  static constexpr int none = -1;

  // Takes the processor of the calling thread. If another thread has taken it, the calling thread moves to one that is
  // free, if its affinity has one; the affinity is as before afterwards. Returns the processor that it has taken, or
  // none.
  int take();

#if defined(__linux__)
 private:
  // Returns none if another thread has taken it.
  int take_current();
  cpu_set_t free_of(const cpu_set_t& allowed);

  std::mutex mutex_;
  cpu_set_t taken_ = {};
#endif
};

// While it lives, the calling thread stays on the processor that it has taken, if any: it is woken there.
class StayOnProcessor {
 public:
  explicit StayOnProcessor(int processor);
  ~StayOnProcessor();
  StayOnProcessor(const StayOnProcessor&) = delete;
  StayOnProcessor& operator=(const StayOnProcessor&) = delete;

#if defined(__linux__)
 private:
  bool stays_ = false;
  cpu_set_t allowed_ = {};
#endif
};

// The smallest quota of the control groups that a process belongs to, in processors, or infinity. `membership` is the
// text of /proc/self/cgroup, and `root` is the directory at which control groups are mounted, of version 1 or 2.
double processor_quota(const std::string& membership, const std::filesystem::path& root);

}  // namespace chainrule
