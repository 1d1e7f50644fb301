// The elementary functions against the library's in long double, in units of the last place; exhaustive_functions.cpp
// does so for every float32 number. And their bits, which are the same wherever multiply-add is fused.
#include <cinttypes>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>

#include "base/flush_denormals.hpp"
#include "simd/functions.hpp"
#include "tests/check.hpp"
#include "tests/functions.hpp"

namespace {

using namespace chainrule::simd::CHAINRULE_ISA;
using namespace chainrule::tests;

template <class T>
struct Function {
  const char* name;
  Vector<T> (*computed)(const Vector<T>&);
  long double (*exact)(long double);
  double lowest, highest, allowed;
};

template <class T>
const Function<T> functions[] = {
    {"exp", [](const Vector<T>& x) { return exp(x); }, [](long double x) { return std::exp(x); }, -800, 800, 2},
    {"expm1", [](const Vector<T>& x) { return expm1(x); }, [](long double x) { return std::expm1(x); }, -800, 80, 3},
    {"log", [](const Vector<T>& x) { return log(x); }, [](long double x) { return std::log(x); }, 0, 1e30, 2},
    {"tanh", [](const Vector<T>& x) { return tanh(x); }, [](long double x) { return std::tanh(x); }, -25, 25, 2},
    {"sigmoid", [](const Vector<T>& x) { return sigmoid(x); }, [](long double x) { return 1 / (1 + std::exp(-x)); },
     -800, 800, 2},
    {"softplus", [](const Vector<T>& x) { return softplus(x); }, exact_softplus<long double>, -800, 800, 2},
    {"gelu", [](const Vector<T>& x) { return gelu(x); }, exact_gelu<long double>, -40, 40, gaussian_allowed<T>},
    {"normal_cdf", [](const Vector<T>& x) { return normal_cdf(x); }, [](long double x) { return exact_tail(-x); }, -40,
     40, gaussian_allowed<T> + 2},
    {"cos_turns", [](const Vector<T>& x) { return cos_turns(x); }, exact_cos_turns<long double>, -1000, 1000, 4},
    {"sin_turns", [](const Vector<T>& x) { return sin_turns(x); }, exact_sin_turns<long double>, -1000, 1000, 4},
    {"log_cosh", [](const Vector<T>& x) { return log_cosh(x); }, exact_log_cosh<long double>, -800, 800, 6},
};

// Zero stands for all that is too small for a normal number, infinity for what is too large for any.
template <class T>
double error_in_ulp(T got, long double exact) {
  constexpr long double smallest = std::numeric_limits<T>::min();
  const long double size = std::fabs(exact);
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : HUGE_VAL;
  if (size > (long double)std::numeric_limits<T>::max()) return std::isinf(got) && (got < 0) == (exact < 0) ? 0 : 1;
  if (size < smallest) return std::fabs((long double)got) < 2 * smallest ? 0 : HUGE_VAL;
  const long double ulp = std::ldexp(1.0L, std::ilogb(exact) + 1 - std::numeric_limits<T>::digits);
  return double((got == 0 ? size - smallest : std::fabs((long double)got - exact)) / ulp);
}

uint64_t state = 1;
uint64_t random_bits() {
  state = state * 6364136223846793005U + 1442695040888963407U;
  return state ^ state >> 32;
}
double random_number() { return double(random_bits() >> 11) * 0x1p-53; }

template <class T>
struct Worst {
  double error = 0;
  T where = 0;
  void note(double other_error, T other_where) {
    if (other_error > error) *this = {other_error, other_where};
  }
};

template <class T>
void report(const char* name, const Worst<T>& worst, double allowed) {
  std::printf("%-10s  float%zu  %.3f ulp at %.17g\n", name, 8 * sizeof(T), worst.error, double(worst.where));
  expect(worst.error <= allowed, name);
}

template <class T>
void test_function(const Function<T>& f) {
  Worst<T> worst;
  for (int i = 0; i < 20000; ++i) {
    T x[lanes], y[lanes];
    for (T& value : x) {
      // In turn even over the range, even near zero, and even over the magnitudes.
      const double u = 2 * random_number() - 1;
      const double even = 0.5 * ((f.lowest + f.highest) + (f.highest - f.lowest) * u);
      const double near = f.lowest < 0 ? u : std::fabs(u);
      value = T(i % 3 == 0 ? even : i % 3 == 1 ? 4 * near : std::ldexp(near, -int(random_bits() % 100)));
    }
    f.computed(Vector<T>::load(x)).store(y);
    for (size_t lane = 0; lane < lanes; ++lane) worst.note(error_in_ulp(y[lane], f.exact(x[lane])), x[lane]);
  }
  report(f.name, worst, f.allowed);
}

template <class T>
T one_lane(const Function<T>& f, T x) {
  T y[lanes];
  f.computed(Vector<T>::broadcast(x)).store(y);
  return y[3];
}

template <class T>
void test_ends(const Function<T>& f) {
  using Limits = std::numeric_limits<T>;
  expect(std::isnan(one_lane(f, Limits::quiet_NaN())), "NaN stays NaN");
  expect(one_lane(f, Limits::denorm_min()) == one_lane(f, T(0)), "a denormal argument is zero");
  const T infinity = Limits::infinity();
  if (std::strcmp(f.name, "gelu") == 0) {
    expect(one_lane(f, infinity) == infinity && one_lane(f, -infinity) == 0, "gelu at infinity");
    return;
  }
  if (std::strcmp(f.name, "expm1") != 0) {
    for (const T x : {infinity, Limits::max(), T(0), T(-0.0)}) {
      const T got = one_lane(f, x), exact = T(f.exact(x));
      expect(got == exact || (std::isnan(got) && std::isnan(exact)), f.name);
    }
  }
  for (const T x : {-infinity, -Limits::max()}) expect(error_in_ulp(one_lane(f, x), f.exact(x)) == 0, f.name);
}

template <class T>
void test_quotient() {
  Worst<T> worst;
  const int range = sizeof(T) == 4 ? 60 : 500;
  for (int i = 0; i < 100000; ++i) {
    T a[lanes], b[lanes], q[lanes];
    for (size_t lane = 0; lane < lanes; ++lane) {
      a[lane] = T(std::ldexp(2 * random_number() - 1, int(random_bits() % unsigned(range)) - range / 2));
      b[lane] = T(std::ldexp(1 + random_number(), int(random_bits() % unsigned(range)) - range / 2));
    }
    quotient(Vector<T>::load(a), Vector<T>::load(b)).store(q);
    for (size_t lane = 0; lane < lanes; ++lane) {
      worst.note(error_in_ulp(q[lane], (long double)a[lane] / (long double)b[lane]), b[lane]);
    }
  }
  report("quotient", worst, fused ? 1 : 2);
}

// Of the results for numbers of all magnitudes, one bit pattern for all NaN.
template <class T, class Bits>
uint64_t hash(const Function<T>& f) {
  uint64_t sum = 0xcbf29ce484222325;
  state = 1;
  for (int i = 0; i < 10000; ++i) {
    T x[lanes], y[lanes];
    for (T& value : x) {
      const Bits bits = Bits(random_bits());
      std::memcpy(&value, &bits, sizeof(T));
      if (i % 2 == 0) value = T(32 * random_number() - 16);
    }
    f.computed(Vector<T>::load(x)).store(y);
    for (const T value : y) {
      Bits bits = 0;
      std::memcpy(&bits, &value, sizeof(T));
      sum = (sum ^ (std::isnan(value) ? 1 : uint64_t(bits))) * 0x100000001b3;
    }
  }
  return sum;
}

template <class T, class Bits>
void test_all(const uint64_t (&hashes)[11]) {
  for (size_t i = 0; i < 11; ++i) {
    const Function<T>& f = functions<T>[i];
    test_function(f);
    test_ends(f);
    const uint64_t got = hash<T, Bits>(f);
    if (!fused || got == hashes[i]) continue;
    std::printf("%s float%zu 0x%016" PRIx64 "\n", f.name, 8 * sizeof(T), got);
    expect(false, "the bits are those of every machine with fused multiply-add");
  }
  test_quotient<T>();
}

}  // namespace

int main() {
  const chainrule::FlushDenormals flush;
  test_all<float, uint32_t>({0xaf992fddc072d616, 0xadf5884f49762f8c, 0xec050e658e9f56f4, 0x20d9be09e6875423,
                             0x1ecfc088019635c3, 0x370fbdda4f5d3aab, 0x75c89818c6b2dc38, 0xa20902a91ed14a1d,
                             0xb2c69ea37044e31b, 0xc7916e6ec80aa12d, 0x6ecd5f46078a0841});
  test_all<double, uint64_t>({0x231b5e45ac737276, 0x711ca04614951b71, 0x2da2bedf10de8a28, 0x720649cdd7f52a52,
                              0xa4e34248cbb10507, 0x66da97afe0288472, 0x6a531fedf88dc5d8, 0x7c7b3c75b3762eab,
                              0xcfc79bde115aa047, 0xad45d64c3a5b8b7b, 0x61a192518e874904});
  return chainrule::tests::result();
}
