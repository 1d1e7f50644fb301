#include "base/team_size.hpp"

#include <algorithm>
#include <atomic>

#include "base/tuning.hpp"

namespace chainrule {

namespace {

TeamSize::Clock::duration ticks(TeamSize::Seconds seconds) {
  return std::chrono::duration_cast<TeamSize::Clock::duration>(seconds);
}

// Any numbers that look random do: multiples of an odd number, of which the highest bits are taken.
size_t any_size(size_t index, size_t most) {
  const uint64_t mixed = (index + 1) * 0x9E3779B97F4A7C15;
  return 1 + size_t((mixed >> 40) % most);
}

}  // namespace

size_t TeamSize::threads(size_t most) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  switch (team_sizes()) {
    case TeamSizes::as_asked:
      return most;
    case TeamSizes::random:
      return any_size(taken_, most);
    case TeamSizes::that_pay:
      break;
  }
  return std::min(most, limit_);
}

void TeamSize::took(const Steps& steps) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++taken_;
  steps_ += steps.count;
  watched_ += steps.end - steps.begin;
  slept_ += Seconds(steps.slept);
  if (watched_.count() < tuning::seconds_to_judge_team) return;
  judge(steps.threads, steps.end);
  steps_ = 0;
  watched_ = slept_ = Seconds(0);
}

void TeamSize::judge(size_t threads, Clock::time_point now) {
  const bool sleeps = slept_ > tuning::sleeping_share * double(threads) * watched_;
  if (threads > 1 && sleeps && now >= trusted_until_) {
    halve(threads, now);
  } else if (is_slower(threads)) {
    take_back(now);
  } else if (threads >= limit_ && now >= rests_until_) {
    limit_ = 2 * threads;
    halved_threads_ = 0;
  } else if (threads < limit_ && !sleeps) {
    rest_ /= 2;
  }
}

void TeamSize::halve(size_t threads, Clock::time_point now) {
  limit_ = threads / 2;
  halved_threads_ = threads;
  halved_seconds_ = watched_ / double(steps_);
  rest_ = std::clamp(2 * rest_, Seconds(tuning::shortest_rest), Seconds(tuning::longest_rest));
  rests_until_ = now + ticks(rest_);
}

bool TeamSize::is_slower(size_t threads) const {
  return threads == halved_threads_ / 2 && threads > 0 && watched_ / double(steps_) > halved_seconds_;
}

void TeamSize::take_back(Clock::time_point now) {
  limit_ = halved_threads_;
  halved_threads_ = 0;
  trust_ = std::clamp(2 * trust_, Seconds(tuning::shortest_rest), Seconds(tuning::longest_rest));
  trusted_until_ = now + ticks(trust_);
}

namespace {

// A step on a team, which counts as `count` of them.
void run_steps(TeamSize& size, size_t count, size_t most, size_t threads,
               const std::function<void(const Team&)>& work) {
  double slept = 0;
  const auto begin = TeamSize::Clock::now();
  run_team(threads, [&](const Team& team) {
    work(team);
    team.barrier();
    if (team.index() == 0) slept = team.slept();
  });
  if (most > 1) size.took({count, threads, slept, begin, TeamSize::Clock::now()});
}

}  // namespace

void run_step(TeamSize& size, size_t most, const std::function<void(const Team&)>& work) {
  run_steps(size, 1, most, size.threads(most), work);
}

void run_items(TeamSize& size, size_t most, size_t items, const std::function<void(size_t, size_t)>& work) {
  std::atomic<size_t> next{0};
  const size_t threads = std::max<size_t>(1, std::min(size.threads(most), items));
  run_steps(size, items, most, threads, [&](const Team& team) {
    for (size_t item = next++; item < items; item = next++) work(team.index(), item);
  });
}

}  // namespace chainrule
