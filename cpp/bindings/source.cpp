#include <string>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

Element element_of(const py::array& array, const std::string& name) {
  const py::dtype dtype = array.dtype();
  const bool native = dtype.byteorder() == '=' || dtype.byteorder() == '|';
  const bool aligned = (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  if (native && aligned) {
    if (dtype.kind() == 'u' && dtype.itemsize() == 1) return Element::uint8;
    if (dtype.kind() == 'f' && dtype.itemsize() == 4) return Element::float32;
    if (dtype.kind() == 'f' && dtype.itemsize() == 8) return Element::float64;
  }
  throw py::type_error(name + " must be an aligned, native array of uint8, float32 or float64, got " +
                       py::str(dtype).cast<std::string>());
}

}  // namespace

Source source_of(const py::array& array, const char* name) {
  const Element element = element_of(array, name);
  const char* data = static_cast<const char*>(array.data());
  if (array.ndim() == 1) return {data, element, 0, array.strides(0), 1, size_t(array.shape(0))};
  if (array.ndim() == 2) {
    return {data, element, array.strides(0), array.strides(1), size_t(array.shape(0)), size_t(array.shape(1))};
  }
  throw py::value_error(std::string(name) + " must have two dimensions, got " + std::to_string(array.ndim()));
}

}  // namespace chainrule::bindings
