// The processors that this process may use, which can be fewer than the machine has.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace chainrule {

// The processors of this process's affinity, but not more than its container's quota, rounded up; at least one. The
// affinity is read anew each time, the quota once.
size_t available_processors();

// The smallest quota of the control groups that a process belongs to, in processors, or infinity. `membership` is the
// text of /proc/self/cgroup, and `root` is the directory at which control groups are mounted, of version 1 or 2.
double processor_quota(const std::string& membership, const std::filesystem::path& root);

}  // namespace chainrule
