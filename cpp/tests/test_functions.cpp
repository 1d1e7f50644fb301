// The elementary functions against the library's in a wider precision, in units of the last place.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "simd/functions.hpp"
#include "tests/check.hpp"

namespace {

using namespace chainrule::simd::CHAINRULE_ISA;
using chainrule::tests::expect;

long double erfc_tail(long double z) { return 0.5L * std::erfc(-z / std::sqrt(2.0L)); }

template <class T>
struct Function {
  const char* name;
  Vector<T> (*computed)(const Vector<T>&);
  long double (*exact)(long double);
  double lowest, highest;
};

template <class T>
const Function<T> functions[] = {
    {"exp", [](const Vector<T>& x) { return exp(x); }, [](long double x) { return std::exp(x); }, -1e3, 1e3},
    {"expm1", [](const Vector<T>& x) { return expm1(x); }, [](long double x) { return std::expm1(x); }, -1e3, 80},
    {"log", [](const Vector<T>& x) { return log(x); }, [](long double x) { return std::log(x); }, 0, 1e30},
    {"tanh", [](const Vector<T>& x) { return tanh(x); }, [](long double x) { return std::tanh(x); }, -50, 50},
    {"sigmoid", [](const Vector<T>& x) { return sigmoid(x); }, [](long double x) { return 1 / (1 + std::exp(-x)); },
     -1e3, 1e3},
    {"softplus", [](const Vector<T>& x) { return softplus(x); },
     [](long double x) { return std::fmax(x, 0.0L) + std::log1p(std::exp(-std::fabs(x))); }, -1e3, 1e3},
    {"gelu", [](const Vector<T>& x) { return gelu(x); }, [](long double x) { return x * erfc_tail(x); }, -50, 50},
    {"normal_cdf", [](const Vector<T>& x) { return normal_cdf(x); }, [](long double x) { return erfc_tail(x); }, -50,
     50},
};

// Distance in units of the last place of the exact result; what is below the smallest normal number may be zero.
template <class T>
double error_in_ulp(T got, long double exact) {
  const long double smallest = std::numeric_limits<T>::min();
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : 1e9;
  if (std::fabs(exact) > (long double)std::numeric_limits<T>::max()) return std::isinf(got) ? 0 : 1e9;
  if (std::fabs(exact) < 4 * smallest) return std::fabs((long double)got - exact) <= 4 * smallest ? 0 : 1e9;
  const int exponent = std::ilogb(exact);
  const long double ulp = std::ldexp(1.0L, exponent + 1 - std::numeric_limits<T>::digits);
  return double(std::fabs((long double)got - exact) / ulp);
}

uint64_t state = 1;
double random_number() {
  state = state * 6364136223846793005U + 1442695040888963407U;
  return double(state >> 11) * 0x1p-53;
}

template <class T>
void test_function(const Function<T>& f, double allowed) {
  double worst = 0;
  T where = 0;
  for (int i = 0; i < 40000; ++i) {
    T x[16], y[16];
    for (T& value : x) {
      // Half of the points spread evenly, half over the magnitudes.
      const double u = random_number();
      const double even = f.lowest + (f.highest - f.lowest) * u;
      const double near = std::ldexp(2 * random_number() - (f.lowest < 0 ? 1 : 0), -int(30 * u));
      value = T(i % 2 == 0 ? even : near);
    }
    f.computed(Vector<T>::load(x)).store(y);
    for (int lane = 0; lane < 16; ++lane) {
      const double error = error_in_ulp(y[lane], f.exact((long double)x[lane]));
      if (error > worst) {
        worst = error;
        where = x[lane];
      }
    }
  }
  std::printf("%-12s float%zu  %.2f ulp at %.17g\n", f.name, 8 * sizeof(T), worst, double(where));
  expect(worst <= allowed, f.name);
}

template <class T>
T one_lane(const Function<T>& f, T x) {
  T y[16];
  f.computed(Vector<T>::broadcast(x)).store(y);
  return y[3];
}

template <class T>
void test_all() {
#if defined(__FMA__) || defined(__aarch64__)
  const bool fused = true;
#else
  const bool fused = false;
#endif
  const T infinity = std::numeric_limits<T>::infinity();
  for (const Function<T>& f : functions<T>) {
    // The rounding of x^2 in e^(-x^2/2) is put right only where multiplication and addition are one.
    const bool gaussian = std::strcmp(f.name, "gelu") == 0 || std::strcmp(f.name, "normal_cdf") == 0;
    test_function(f, gaussian ? (fused ? 8 : 1000) : 2.5);
    expect(std::isnan(one_lane(f, std::numeric_limits<T>::quiet_NaN())), "NaN stays NaN");
    const T high = one_lane(f, infinity);
    expect(high == T(f.exact(1e4L)) || std::isinf(high), "limit at infinity");
    if (f.lowest < 0 && std::strcmp(f.name, "gelu") != 0) {
      expect(std::fabs(one_lane(f, -infinity) - T(f.exact(-1e4L))) < T(1e-30), "limit at minus infinity");
    }
  }
}

}  // namespace

int main() {
  test_all<float>();
  test_all<double>();
  return chainrule::tests::result();
}
