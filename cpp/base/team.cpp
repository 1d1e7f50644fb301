#include "base/team.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "base/flush_denormals.hpp"
#include "base/processors.hpp"
#include "base/tuning.hpp"

namespace chainrule {

struct Meeting {
  alignas(64) std::atomic<size_t> arrived{0};
  alignas(64) std::atomic<uint32_t> round{0};
  std::atomic<int64_t> slept{0};  // nanoseconds, of all threads
  TakenProcessors processors;
};

namespace {

void pause() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

size_t runtime_limit() {
#ifdef _OPENMP
  return size_t(omp_get_max_threads());
#else
  return std::max(1u, std::thread::hardware_concurrency());
#endif
}

const size_t limit_at_start = runtime_limit();
std::atomic<size_t> wanted_threads{0};
thread_local size_t own_limit = 0;
// The processor that the thread has taken for itself in its team.
thread_local int own_processor = TakenProcessors::none;
std::atomic<TeamSizes> sizes_of_teams{TeamSizes::that_pay};

// Runs the work on threads that are created for this call: in builds without OpenMP, and in forked children.
void run_plain_threads(size_t threads, const std::function<void(const Team&)>& work) {
  Meeting meeting;
  std::vector<std::thread> others;
  others.reserve(threads - 1);
  size_t size = 0;
  std::mutex size_unknown;
  const auto take_part = [&](size_t index) {
    const FlushDenormals flush;
    own_processor = meeting.processors.take();
    work(Team(index, size, &meeting));
  };
  {
    const std::lock_guard<std::mutex> lock(size_unknown);
    try {
      while (others.size() + 1 < threads) {
        others.emplace_back([&, index = others.size() + 1] {
          { const std::lock_guard<std::mutex> wait(size_unknown); }
          take_part(index);
        });
      }
    } catch (const std::system_error&) {
      // The system has no more threads: those that exist do the work.
    }
    size = others.size() + 1;
  }
  take_part(0);
  for (std::thread& other : others) other.join();
}

#ifdef _OPENMP
void run_openmp_threads(size_t threads, const std::function<void(const Team&)>& work) {
  Meeting meeting;
#pragma omp parallel num_threads(int(threads))
  {
    const FlushDenormals flush;
    own_processor = meeting.processors.take();
    // The runtime may provide fewer threads than were asked for.
    work(Team(size_t(omp_get_thread_num()), size_t(omp_get_num_threads()), &meeting));
  }
}

// GNU OpenMP's threads do not survive a fork, and a child that waits for them hangs.
#if defined(__unix__) || defined(__APPLE__)
std::atomic<bool> openmp_works{pthread_atfork(nullptr, nullptr, [] { openmp_works = false; }) == 0};
#else
constexpr bool openmp_works = true;
#endif
#endif

}  // namespace

void Team::barrier() const {
  if (size_ == 1) return;
  Meeting& meeting = *meeting_;
  const uint32_t round = meeting.round.load(std::memory_order_acquire);
  if (meeting.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    meeting.arrived.store(0, std::memory_order_relaxed);
    // Threads that are about to sleep see the new round, or are seen by the call that wakes them.
    meeting.round.store(round + 1, std::memory_order_seq_cst);
    meeting.round.notify_all();
    return;
  }
  for (int i = 0; i < tuning::spins; ++i) {
    if (meeting.round.load(std::memory_order_acquire) != round) return;
    if (i >= tuning::hot_spins) pause();
  }
  const auto begin = std::chrono::steady_clock::now();
  {
    const StayOnProcessor stay(own_processor);
    meeting.round.wait(round, std::memory_order_acquire);
  }
  const std::chrono::nanoseconds slept = std::chrono::steady_clock::now() - begin;
  meeting.slept.fetch_add(slept.count(), std::memory_order_relaxed);
}

double Team::slept() const { return size_ == 1 ? 0 : 1e-9 * double(meeting_->slept.exchange(0)); }

void run_team(size_t threads, const std::function<void(const Team&)>& work) {
  if (threads > 1 && team_sizes() == TeamSizes::that_pay) threads = std::min(threads, available_processors());
  if (threads <= 1) {
    const FlushDenormals flush;
    work(Team());
    return;
  }
#ifdef _OPENMP
  if (openmp_works) return run_openmp_threads(threads, work);
#endif
  run_plain_threads(threads, work);
}

void set_team_sizes(TeamSizes sizes) { sizes_of_teams = sizes; }

TeamSizes team_sizes() { return sizes_of_teams.load(std::memory_order_relaxed); }

void set_num_threads(size_t threads) { wanted_threads = threads; }

void limit_own_teams(size_t threads) { own_limit = threads; }

size_t max_threads() {
  const size_t limit = runtime_limit();
  const size_t wanted = wanted_threads;
  size_t most = limit < limit_at_start ? std::min(wanted, limit) : wanted;
  if (wanted == 0) most = std::max<size_t>(1, std::min(limit, available_processors()));
  return own_limit == 0 ? most : std::min(most, own_limit);
}

}  // namespace chainrule
