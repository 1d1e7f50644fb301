#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

// NumPy writes native byte order as '=' or, for types that were made by swapping another order, as '<' or '>'.
bool is_native(char byteorder) {
  constexpr char own = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
  return byteorder == '=' || byteorder == '|' || byteorder == own;
}

std::optional<Element> element_in_place(const py::array& array) {
  if (!is_aligned(array)) return std::nullopt;
  const py::dtype dtype = array.dtype();
  if (!is_native(dtype.byteorder())) return std::nullopt;
  switch (dtype.num()) {
    case py::detail::npy_api::NPY_UBYTE_:
      return Element::uint8;
    case py::detail::npy_api::NPY_FLOAT_:
      return Element::float32;
    case py::detail::npy_api::NPY_DOUBLE_:
      return Element::float64;
    default:
      return std::nullopt;
  }
}

Element element_of(const py::array& array, const std::string& name) {
  const std::optional<Element> element = element_in_place(array);
  if (element) return *element;
  throw py::type_error(name + " must be an aligned, native array of uint8, float32 or float64, got " +
                       py::str(array.dtype()).cast<std::string>());
}

// Checks that no index points outside of the matrix.
void check(const Source& source) {
  size_t end = 0;
  for (size_t row = 0; row < source.rows; ++row) {
    const size_t begin = source.index_at(source.row_begins, row);
    require(begin == end, "row_begins must begin at zero and not descend");
    end = source.index_at(source.row_begins, row + 1);
    require(begin <= end && end <= source.stored, "row_begins must begin at zero and not descend");
    for (size_t i = begin; i < end; ++i) {
      const size_t column = source.index_at(source.indices, i);
      require(column < source.columns, "indices must be below the number of columns");
      require(i == begin || source.index_at(source.indices, i - 1) < column, "indices must ascend within each row");
    }
  }
}

}  // namespace

void require(bool condition, const std::string& message) {
  if (!condition) throw py::value_error(message);
}

bool is_aligned(const py::array& array) { return (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0; }

bool is_readable(const py::array& array) { return element_in_place(array).has_value(); }

SparseMatrix::SparseMatrix(py::array data_, py::array indices_, py::array row_begins_, size_t columns)
    : data(std::move(data_)), indices(std::move(indices_)), row_begins(std::move(row_begins_)) {
  require(data.ndim() == 1 && indices.ndim() == 1 && row_begins.ndim() == 1 && row_begins.size() > 0 &&
              data.size() == indices.size(),
          "a sparse matrix needs data and indices of one length, and row_begins");
  const bool narrow = py::isinstance<py::array_t<int32_t>>(indices) && py::isinstance<py::array_t<int32_t>>(row_begins);
  const bool wide = py::isinstance<py::array_t<int64_t>>(indices) && py::isinstance<py::array_t<int64_t>>(row_begins);
  if (!narrow && !wide) throw py::type_error("indices and row_begins must both be int32, or both int64");
  for (const py::array* array : {&data, &indices, &row_begins}) {
    const bool contiguous = array->size() < 2 || array->strides(0) == array->itemsize();
    require(contiguous && is_aligned(*array), "data, indices and row_begins must be contiguous and aligned");
  }
  require(columns > 0 && columns < UINT32_MAX, "columns must be in [1, 2^32)");
  source = source_of(data, "data");
  source.rows = size_t(row_begins.size()) - 1;
  source.columns = columns;
  source.indices = static_cast<const char*>(indices.data());
  source.row_begins = static_cast<const char*>(row_begins.data());
  source.index_bytes = narrow ? 4 : 8;
  source.stored = size_t(data.size());
  check(source);
  for (size_t row = 0; row < source.rows; ++row) {
    source.longest_row = std::max(
        source.longest_row, source.index_at(source.row_begins, row + 1) - source.index_at(source.row_begins, row));
  }
}

Source samples_of(const py::object& samples, const char* name) {
  if (py::isinstance<SparseMatrix>(samples)) return samples.cast<const SparseMatrix&>().source;
  if (!py::isinstance<py::array>(samples)) throw py::type_error(std::string(name) + " must be an array or sparse");
  const py::array array = py::reinterpret_borrow<py::array>(samples);
  if (array.ndim() != 2) throw py::value_error(std::string(name) + " must have two dimensions");
  return source_of(array, name);
}

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
