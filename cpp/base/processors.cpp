#include "base/processors.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace chainrule {

namespace fs = std::filesystem;

namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();

// The first line of a file, empty if there is none.
std::string line_of(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

// "max" and -1 mean that there is no limit.
double quota_of(const std::string& microseconds, const std::string& period) {
  const double quota = std::strtod(microseconds.c_str(), nullptr), whole = std::strtod(period.c_str(), nullptr);
  return quota > 0 && whole > 0 ? quota / whole : unlimited;
}

double quota_of_group(const fs::path& group) {
  std::istringstream both(line_of(group / "cpu.max"));
  std::string quota, period;
  if (both >> quota >> period) return quota_of(quota, period);
  return quota_of(line_of(group / "cpu.cfs_quota_us"), line_of(group / "cpu.cfs_period_us"));
}

// Where the controller of processors is mounted: all controllers share the root in version 2.
fs::path mount_of(const std::string& controllers, const fs::path& root) {
  if (controllers.empty()) return root;
  const fs::path own = root / controllers;
  std::error_code none;
  return fs::exists(own, none) ? own : root / "cpu";
}

// Whether a list such as "cpu,cpuacct" contains the controller of processors. That of version 2 is empty.
bool limits_processors(const std::string& controllers) {
  return controllers.empty() || ("," + controllers + ",").find(",cpu,") != std::string::npos;
}

size_t processors_by_affinity() {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return size_t(CPU_COUNT(&allowed));
#endif
  return std::thread::hardware_concurrency();
}

std::string read_all(const fs::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

double own_quota() {
  try {
    return processor_quota(read_all("/proc/self/cgroup"), "/sys/fs/cgroup");
  } catch (const std::exception&) {
    return unlimited;
  }
}

}  // namespace

double processor_quota(const std::string& membership, const fs::path& root) {
  double quota = unlimited;
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {
    // hierarchy:controllers:group
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!limits_processors(controllers)) continue;
    fs::path group = mount_of(controllers, root);
    quota = std::min(quota, quota_of_group(group));
    for (const fs::path& part : fs::path(line.substr(second + 1)).relative_path()) {
      group /= part;
      quota = std::min(quota, quota_of_group(group));
    }
  }
  return quota;
}

size_t available_processors() {
  static const double quota = own_quota();
  const size_t allowed = std::max<size_t>(1, processors_by_affinity());
  return quota < double(allowed) ? size_t(std::ceil(quota)) : allowed;
}

#if defined(__linux__)
int TakenProcessors::take_current() {
  const int current = sched_getcpu();
  if (current < 0 || current >= CPU_SETSIZE) return none;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (CPU_ISSET(current, &taken_)) return none;
  CPU_SET(current, &taken_);
  return current;
}

cpu_set_t TakenProcessors::free_of(const cpu_set_t& allowed) {
  const std::lock_guard<std::mutex> lock(mutex_);
  cpu_set_t both, free;
  CPU_AND(&both, &allowed, &taken_);
  CPU_XOR(&free, &allowed, &both);
  return free;
}

int TakenProcessors::take() {
  const int current = take_current();
  cpu_set_t allowed;
  if (current != none || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return current;
  const cpu_set_t free = free_of(allowed);
  if (CPU_COUNT(&free) == 0 || sched_setaffinity(0, sizeof(free), &free) != 0) return none;
  const int moved_to = take_current();
  sched_setaffinity(0, sizeof(allowed), &allowed);
  return moved_to;
}

StayOnProcessor::StayOnProcessor(int processor) {
  if (processor == TakenProcessors::none || sched_getaffinity(0, sizeof(allowed_), &allowed_) != 0) return;
  cpu_set_t one = {};
  CPU_SET(processor, &one);
  stays_ = CPU_ISSET(processor, &allowed_) && sched_setaffinity(0, sizeof(one), &one) == 0;
}

StayOnProcessor::~StayOnProcessor() {
  if (stays_) sched_setaffinity(0, sizeof(allowed_), &allowed_);
}
#else
int TakenProcessors::take() { return none; }
StayOnProcessor::StayOnProcessor(int) {}
StayOnProcessor::~StayOnProcessor() = default;
#endif

}  // namespace chainrule
