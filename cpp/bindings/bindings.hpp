// What the parts of the extension module share: the registers, and the way from arrays to sources.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "training/source.hpp"

namespace chainrule::bindings {

void register_settings(pybind11::module_& module);
void register_networks(pybind11::module_& module);
void register_utilities(pybind11::module_& module);

// A view of a 2-D array (or a 1-D one as a single row) that lives as long as the array; TypeError or ValueError for
// what cannot be read in place.
Source source_of(const pybind11::array& array, const char* name);

}  // namespace chainrule::bindings
