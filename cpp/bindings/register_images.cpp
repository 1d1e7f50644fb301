// Random changes of images: the words that decide them, and the changed images.
#include <algorithm>
#include <limits>
#include <vector>

#include "base/random.hpp"
#include "base/team.hpp"
#include "bindings/bindings.hpp"
#include "bindings/interpreter_lock.hpp"
#include "data/sizes.hpp"
#include "data/warp.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

template <class T>
using Packed = py::array_t<T, py::array::c_style>;

// About as long as a pixel takes, in multiply-adds.
constexpr double work_of_pixel = 64;

py::array_t<uint64_t> random_words(const Packed<uint64_t>& seeds, uint64_t stream, size_t count) {
  py::array_t<uint64_t> result({size_t(seeds.size()), count});
  uint64_t* to = result.mutable_data();
  const uint64_t* from = seeds.data();
  const py::ssize_t samples = seeds.size();
  const WithoutInterpreter unlocked;
  for (py::ssize_t n = 0; n < samples; ++n) {
    RandomWords words(from[n], Purpose::augmentation, stream, 0);
    for (size_t i = 0; i < count; ++i) *to++ = words.next();
  }
  return result;
}

template <class T>
py::array_t<T> warped(const Packed<T>& images, const Packed<double>& maps) {
  require(images.ndim() == 4, "images must have four axes");
  require(std::max(images.shape(1), images.shape(2)) < std::numeric_limits<int32_t>::max(), "images must be smaller");
  require(maps.ndim() == 3 && maps.shape(0) == images.shape(0) && maps.shape(1) == 2 && maps.shape(2) == 3,
          "maps must have shape (samples, 2, 3)");
  py::array_t<T> result({images.shape(0), images.shape(1), images.shape(2), images.shape(3)});
  const ImageShape shape{size_t(images.shape(1)), size_t(images.shape(2)), size_t(images.shape(3))};
  const size_t samples = size_t(images.shape(0));
  const WarpedImages<T> all{shape, images.data(), reinterpret_cast<const PixelMap*>(maps.data()),
                            result.mutable_data()};
  const size_t threads = threads_for(work_of_pixel * double(samples * shape.size()));
  std::vector<T> frames(threads * shape.framed_size());
  const WithoutInterpreter unlocked;
  run_team(threads, [&](const Team& team) {
    warp(all, team.share(samples), frames.data() + team.index() * shape.framed_size());
  });
  return result;
}

py::array warped_in_its_type(const py::array& images, const Packed<double>& maps) {
  if (py::isinstance<py::array_t<float>>(images)) return warped(Packed<float>(images), maps);
  return warped(Packed<double>(images), maps);
}

}  // namespace

void register_images(py::module_& module) {
  module.def("random_words", &random_words, py::arg("seeds"), py::arg("stream"), py::arg("count"));
  module.def("warp", &warped_in_its_type, py::arg("images"), py::arg("maps"));
}

}  // namespace chainrule::bindings
