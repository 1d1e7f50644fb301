// The seven elementary functions on every float32 number, and on random float64 numbers, against the library's
// functions in a wider precision. Errors are in units of the last place of the exact result.
//
//   exhaustive_functions_avx512                  all 2^32 numbers, a million random ones for each function
//   exhaustive_functions_avx512 --part 3/16      those whose bits are 3 modulo 16; n of k/n is a power of two
//   exhaustive_functions_avx512 --random 1000    a thousand million random numbers for each function
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/flush_denormals.hpp"
#include "simd/functions.hpp"
#include "tests/check.hpp"
#include "tests/functions.hpp"

namespace {

using namespace chainrule::simd::CHAINRULE_ISA;
using namespace chainrule::tests;

template <class T>
struct Types;
template <>
struct Types<float> {
  using Wide = double;
  using Bits = uint32_t;
};
template <>
struct Types<double> {
  using Wide = long double;
  using Bits = uint64_t;
};
template <class T>
using Wide = typename Types<T>::Wide;
template <class T>
using Bits = typename Types<T>::Bits;

template <class To, class From>
To cast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

template <class T>
struct Function {
  const char* name;
  Vector<T> (*computed)(const Vector<T>&);
  Wide<T> (*exact)(Wide<T>);
  // The first terms of the series, which are exact enough below tiny<T>, and faster: half of all numbers are there.
  Wide<T> (*exact_near_zero)(Wide<T>);
  double allowed;
};

template <class T>
constexpr T tiny = sizeof(T) == 4 ? T(0x1p-20) : T(0x1p-30);

template <class T, class V = Vector<T>, class W = Wide<T>>
const Function<T> functions[] = {
    {"exp", [](const V& x) { return exp(x); }, [](W x) { return std::exp(x); }, [](W x) { return 1 + (x + x * x / 2); },
     2},
    {"tanh", [](const V& x) { return tanh(x); }, [](W x) { return std::tanh(x); },
     [](W x) { return x - x * x * x / 3; }, 2},
    {"sigmoid", [](const V& x) { return sigmoid(x); }, [](W x) { return 1 / (1 + std::exp(-x)); },
     [](W x) { return W(0.5) + x / 4; }, 2},
    {"log", [](const V& x) { return log(x); }, [](W x) { return std::log(x); }, [](W x) { return std::log(x); }, 2},
    {"softplus", [](const V& x) { return softplus(x); }, exact_softplus<W>,
     [](W x) { return W(0.693147180559945309417232121458176568L) + (x / 2 + x * x / 8); }, 2},
    {"log_cosh", [](const V& x) { return log_cosh(x); }, exact_log_cosh<W>,
     [](W x) { return x * x / 2 - x * x * x * x / 12; }, 6},
    {"gelu", [](const V& x) { return gelu(x); }, exact_gelu<W>,
     [](W x) { return x / 2 + W(0.398942280401432677939946059934381868L) * x * x; }, gaussian_allowed<T>},
};

// Zero represents all numbers too small for a normal one, infinity the number after the largest.
template <class T>
double error_in_ulp(T got, Wide<T> exact) {
  using W = Wide<T>;
  constexpr W smallest = std::numeric_limits<T>::min(), largest = std::numeric_limits<T>::max();
  constexpr W beyond = 4 / smallest;
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : HUGE_VAL;
  const W size = std::fmin(std::fabs(exact), beyond);
  // gelu(x) may be x where x / 2 is too small.
  if (size < smallest) return std::fabs(W(got)) < 2 * smallest ? 0 : HUGE_VAL;
  // The power of two at or below the exact result.
  T power = T(std::fmin(size, largest));
  if (W(power) > size) power = cast<T>(Bits<T>(cast<Bits<T>>(power) - 1));
  power = cast<T>(Bits<T>(cast<Bits<T>>(power) & cast<Bits<T>>(std::numeric_limits<T>::infinity())));
  const W ulp = W(power) * W(std::numeric_limits<T>::epsilon());
  if (got == 0) return double((size - smallest) / ulp);
  const W value = std::isinf(got) ? std::copysign(beyond, W(got)) : W(got);
  return double(std::fabs(value - std::copysign(size, exact)) / ulp);
}

template <class T>
struct Worst {
  double error = 0;
  T where = 0;
};

template <class T>
void measure(const Function<T>& f, const T* x, Worst<T>& worst) {
  using W = Wide<T>;
  T y[lanes];
  W exact[lanes];
  f.computed(Vector<T>::load(x)).store(y);
  const bool near_zero = std::all_of(x, x + lanes, [](T value) { return std::fabs(value) < tiny<T>; });
  const auto function = near_zero ? f.exact_near_zero : f.exact;
  for (size_t i = 0; i < lanes; ++i) exact[i] = function(std::fabs(x[i]) < std::numeric_limits<T>::min() ? 0 : W(x[i]));
  // A quick test that most results pass: a unit of the last place is more than half an epsilon of the number.
  const W harmless = W(worst.error * double(std::numeric_limits<T>::epsilon()) / 2);
  int clear = 0;
  for (size_t i = 0; i < lanes; ++i) {
    const W got = W(y[i]);
    const bool both_nan = (got != got) & (exact[i] != exact[i]);
    clear += (got == exact[i]) | both_nan | (std::fabs(got - exact[i]) <= harmless * std::fabs(exact[i]));
  }
  if (clear == int(lanes)) return;
  for (size_t i = 0; i < lanes; ++i) {
    const double error = error_in_ulp(y[i], exact[i]);
    if (error > worst.error) worst = {error, x[i]};
  }
}

// Calls work(block, worst) for every block, on all processors.
template <class T, class Work>
Worst<T> over_blocks(size_t blocks, Work work) {
  std::vector<Worst<T>> worst(std::max(1U, std::thread::hardware_concurrency()));
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  for (Worst<T>& own : worst) {
    threads.emplace_back([&] {
      const chainrule::FlushDenormals flush;
      for (size_t block = next++; block < blocks; block = next++) work(block, own);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return *std::max_element(worst.begin(), worst.end(), [](auto& a, auto& b) { return a.error < b.error; });
}

struct Part {
  uint32_t index = 0, count = 1;
};

constexpr uint32_t block_size = 1 << 20;

Worst<float> over_bits(const Function<float>& f, Part part) {
  return over_blocks<float>(size_t(1) << 12, [&](size_t block, Worst<float>& worst) {
    for (uint32_t i = 0; i < block_size; i += part.count * uint32_t(lanes)) {
      float x[lanes];
      for (uint32_t lane = 0; lane < lanes; ++lane) {
        x[lane] = cast<float>(uint32_t(block) * block_size + i + lane * part.count + part.index);
      }
      measure(f, x, worst);
    }
  });
}

// In turn: arbitrary bits, magnitudes between 2^-30 and 2^11, uniform in [-800, 800], uniform in [-4, 4].
Worst<double> over_random(const Function<double>& f, size_t millions) {
  return over_blocks<double>(millions, [&](size_t block, Worst<double>& worst) {
    std::mt19937_64 random(block);
    const auto even = [&] { return double(random() >> 11) * 0x1p-52 - 1; };
    for (uint32_t i = 0; i < block_size; i += uint32_t(lanes)) {
      double x[lanes];
      for (size_t lane = 0; lane < lanes; lane += 4) {
        x[lane] = cast<double>(uint64_t(random()));
        x[lane + 1] = std::ldexp(even(), int(random() % 42) - 30);
        x[lane + 2] = 800 * even();
        x[lane + 3] = 4 * even();
      }
      measure(f, x, worst);
    }
  });
}

template <class T>
void report(const Function<T>& f, const Worst<T>& worst) {
  std::printf("%-8s  float%zu  %.3f ulp at %.17g\n", f.name, 8 * sizeof(T), worst.error, double(worst.where));
  std::fflush(stdout);
  expect(worst.error <= f.allowed, f.name);
}

}  // namespace

int main(int count, char** arguments) {
  Part part;
  size_t millions = 1;
  for (int i = 1; i + 1 < count; i += 2) {
    if (arguments[i] == std::string("--random")) millions = std::strtoul(arguments[i + 1], nullptr, 10);
    if (arguments[i] == std::string("--part")) std::sscanf(arguments[i + 1], "%u/%u", &part.index, &part.count);
  }
  for (const auto& f : functions<float>) report(f, over_bits(f, part));
  for (const auto& f : functions<double>) report(f, over_random(f, millions));
  return chainrule::tests::result();
}
