// The kernel table in use: at first the best one that processor and operating system support, or the one that the
// environment variable CHAINRULE_ISA names.
#pragma once

#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace chainrule {

// Changes the table in use; "" restores the first one. Nothing may compute during the change. Throws
// std::invalid_argument for an instruction set that this processor does not have.
void choose_kernels(const std::string& isa);

// Best first.
std::vector<std::string> supported_isas();

}  // namespace chainrule
