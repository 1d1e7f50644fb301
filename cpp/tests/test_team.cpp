// Threads: shares cover everything once, barriers hold all threads, and more threads than processors make progress; a
// team's size follows what its threads sleep; quotas of processors are found.
#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "base/processors.hpp"
#include "base/team_size.hpp"
#include "tests/check.hpp"

using namespace chainrule;
using namespace chainrule::tests;

namespace {

using Seconds = TeamSize::Seconds;

// A computation on processors of which others take a part: `seconds` per step by so many threads, of which they sleep a
// share. Returns the mean number of threads over some seconds.
struct Computation {
  TeamSize size;
  TeamSize::Clock::time_point now{};

  double run(double seconds, const std::vector<double>& step, const std::vector<double>& sleeping) {
    double weighted = 0;
    for (double done = 0; done < seconds;) {
      const size_t threads = size.threads(step.size());
      const double taken = step[threads - 1];
      const auto end = now + std::chrono::duration_cast<TeamSize::Clock::duration>(Seconds(taken));
      size.took({1, threads, sleeping[threads - 1] * taken, now, end});
      now = end;
      done += taken;
      weighted += taken * double(threads);
    }
    return weighted / seconds;
  }
};

void test_team_size() {
  set_team_sizes(TeamSizes::that_pay);
  const std::vector<double> idle = {2e-4, 1e-4}, awake = {0, 0.01}, busy = {2.2e-4, 3e-3}, asleep = {0, 0.9};
  Computation two;
  expect(two.run(1, idle, awake) > 1.999, "idle processors are all used");
  expect(two.run(5, busy, asleep) < 1.1, "threads that sleep are given up");
  expect(two.run(10, idle, awake) > 1.8, "threads are taken back");
  // Where one thread does a part of the work alone, the others sleep, and are worth having all the same.
  expect(Computation().run(10, idle, asleep) > 1.9, "fewer threads that are slower are not kept");
  Computation four;
  const std::vector<double> crowded = {4e-4, 2e-4, 3e-3, 3e-3};
  const double mean = four.run(10, crowded, {0, 0.01, 2, 2});
  expect(mean > 1.8 && mean < 2.4, "a team is halved as often as needed, and no more");
}

// A thread that is on the processor of another moves to one that is free, and keeps its affinity.
void test_taken_processors() {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  int first = 0;
  while (!CPU_ISSET(first, &allowed)) ++first;
  cpu_set_t one = {};
  CPU_SET(first, &one);
  TakenProcessors processors;
  int other = TakenProcessors::none, own = TakenProcessors::none;
  cpu_set_t after = {}, inside = {};
  std::thread([&] {
    sched_setaffinity(0, sizeof(one), &one);
    other = processors.take();
  }).join();
  std::thread([&] {
    sched_setaffinity(0, sizeof(one), &one);
    sched_setaffinity(0, sizeof(allowed), &allowed);
    own = processors.take();
    sched_getaffinity(0, sizeof(after), &after);
    const StayOnProcessor stay(own);
    sched_getaffinity(0, sizeof(inside), &inside);
  }).join();
  expect(other == first, "a thread takes the processor on which it runs");
  expect(own != TakenProcessors::none && own != first, "a thread leaves a processor that is taken");
  expect(CPU_EQUAL(&after, &allowed), "a thread that has moved may run everywhere");
  expect(CPU_COUNT(&inside) == 1 && CPU_ISSET(own, &inside), "a thread stays on its processor");
#endif
}

void test_items() {
  TeamSize size;
  for (const TeamSizes sizes : {TeamSizes::that_pay, TeamSizes::as_asked, TeamSizes::random}) {
    set_team_sizes(sizes);
    for (const size_t items : {0u, 1u, 2u, 57u}) {
      std::vector<std::atomic<int>> touched(items);
      run_items(size, 4, items, [&](size_t thread, size_t item) { touched[item] += thread < 4 ? 1 : 100; });
      for (const std::atomic<int>& count : touched) expect(count == 1, "an item is worked on once");
    }
  }
}

void write(const std::filesystem::path& file, const char* line) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << line << '\n';
}

void test_quota() {
  const std::filesystem::path root = std::filesystem::temp_directory_path() / "chainrule_test_quota";
  std::filesystem::remove_all(root);
  write(root / "two/cpu.max", "max 100000");
  write(root / "two/outer/cpu.max", "150000 100000");
  write(root / "two/outer/inner/cpu.max", "400000 100000");
  write(root / "one/cpu/cpu.cfs_quota_us", "-1");
  write(root / "one/cpu/box/cpu.cfs_quota_us", "50000");
  write(root / "one/cpu/box/cpu.cfs_period_us", "100000");
  expect(processor_quota("0::/outer/inner\n", root / "two") == 1.5, "quota of an outer group, version 2");
  expect(std::isinf(processor_quota("0::/\n", root / "two")), "no quota, version 2");
  expect(processor_quota("3:cpuset:/\n2:cpu,cpuacct:/box\n0::/\n", root / "one") == 0.5, "quota, version 1");
  expect(std::isinf(processor_quota("1:cpu:/\n", root / "one")), "no quota, version 1");
  expect(std::isinf(processor_quota("nonsense\n", root / "nowhere")), "no groups");
  std::filesystem::remove_all(root);
  expect(available_processors() >= 1, "there is a processor");
}

}  // namespace

int main() {
  test_team_size();
  test_taken_processors();
  test_items();
  test_quota();
  set_team_sizes(TeamSizes::as_asked);
  for (size_t threads : {1u, 2u, 3u, 8u}) {
    std::vector<int> touched(101);
    std::atomic<int> together{0};
    std::atomic<bool> apart{false};
    run_team(threads, [&](const Team& team) {
      const Range part = team.share(touched.size());
      for (size_t i = part.begin; i < part.end; ++i) ++touched[i];
      for (int round = 1; round <= 300; ++round) {
        ++together;
        team.barrier();
        if (together != round * int(team.size())) apart = true;
        team.barrier();
      }
    });
    for (int count : touched) expect(count == 1, "a share is touched once");
    expect(!apart, "a barrier holds everybody");
  }
  // Denormal numbers are zero inside the core, and unchanged outside.
  volatile float tiny = 1e-30f;
  bool flushed = false;
  run_team(1, [&](const Team&) { flushed = tiny * 1e-10f == 0; });
  expect(tiny * 1e-10f != 0, "denormals outside");
#if defined(__SSE2__) || defined(__aarch64__)
  expect(flushed, "no denormals inside");
#endif
  set_num_threads(5);
  expect(max_threads() == 5, "threads as set");
  limit_own_teams(2);
  expect(max_threads() == 2, "threads of this thread's teams");
  size_t elsewhere = 0;
  std::thread([&] { elsewhere = max_threads(); }).join();
  expect(elsewhere == 5, "threads of another thread's teams");
  limit_own_teams(0);
  set_num_threads(0);
  expect(max_threads() >= 1, "threads by default");
  return result();
}
