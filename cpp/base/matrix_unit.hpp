// Whether the processor has a matrix unit for bfloat16 (AMX), and the operating system lets this process use it.
#pragma once

namespace chainrule {

// Asks the operating system once. Threads and children of the process have the permission, too.
bool may_use_matrix_unit();

}  // namespace chainrule
