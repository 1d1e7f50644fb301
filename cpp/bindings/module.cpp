// The extension module, with one register_<noun> function per topic. It is private: the public names are in Python.
#include <pybind11/pybind11.h>

#include "bindings/bindings.hpp"
#include "kernels/table.hpp"

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  module.attr("__version__") = CHAINRULE_VERSION;
  chainrule::kernel_table();  // raises an error if CHAINRULE_ISA names an instruction set that this processor does not
                              // have
  chainrule::bindings::register_settings(module);
  chainrule::bindings::register_layers(module);
  chainrule::bindings::register_inference(module);
  chainrule::bindings::register_networks(module);
  chainrule::bindings::register_utilities(module);
  chainrule::bindings::register_images(module);
}
