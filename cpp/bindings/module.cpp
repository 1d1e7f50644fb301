// The extension module: one register_<noun> a topic. Python owns the public names; this module stays private.
#include <pybind11/pybind11.h>

#include "bindings/bindings.hpp"
#include "kernels/table.hpp"

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  module.attr("__version__") = CHAINRULE_VERSION;
  chainrule::kernel_table();  // a CHAINRULE_ISA that this processor does not have fails here
  chainrule::bindings::register_settings(module);
  chainrule::bindings::register_inference(module);
  chainrule::bindings::register_networks(module);
  chainrule::bindings::register_utilities(module);
}
