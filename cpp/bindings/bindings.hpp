// What the parts of the extension module share: their registration, and the conversion of arrays to sources.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "data/source.hpp"

namespace chainrule::bindings {

void register_images(pybind11::module_& module);
void register_inference(pybind11::module_& module);
void register_layers(pybind11::module_& module);
void register_settings(pybind11::module_& module);
void register_networks(pybind11::module_& module);
void register_utilities(pybind11::module_& module);

// Throws ValueError.
void require(bool condition, const std::string& message);
// No text is made of the message unless it is needed.
inline void require(bool condition, const char* message) {
  if (!condition) require(condition, std::string(message));
}

// Whether its elements are aligned.
bool is_aligned(const pybind11::array& array);

// Whether the core can read the array where it is.
bool is_readable(const pybind11::array& array);

// A view of a 2-D array, or of a 1-D array as a single row, which is valid as long as the array. Raises TypeError or
// ValueError if the array cannot be read in place.
Source source_of(const pybind11::array& array, const char* name);

// Compressed sparse rows in the user's arrays, which are checked once.
struct SparseMatrix {
  // indices and row_begins: contiguous, aligned, both int32 or both int64; columns ascending within each row.
  SparseMatrix(pybind11::array data, pybind11::array indices, pybind11::array row_begins, size_t columns);

  pybind11::array data, indices, row_begins;
  Source source;
};

// A view of samples: a 2-D array or a SparseMatrix.
Source samples_of(const pybind11::object& samples, const char* name);

}  // namespace chainrule::bindings
