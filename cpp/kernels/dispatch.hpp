// Which kernel table is in use: at first the best that processor and operating system offer, or the one that the
// environment variable CHAINRULE_ISA names.
#pragma once

#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace chainrule {

// Takes another table from now on, "" the first one again; nothing may be computing meanwhile. std::invalid_argument
// for a name that this processor does not have.
void choose_kernels(const std::string& isa);

// Best first.
std::vector<std::string> supported_isas();

}  // namespace chainrule
