# The instruction sets as data: name, compiler flags, processors. Every row compiles cpp/kernels/kernels.cpp once.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(CHAINRULE_ISAS baseline avx2 avx512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(CHAINRULE_ISAS neon baseline)
else()
  set(CHAINRULE_ISAS baseline)
endif()

set(CHAINRULE_FLAGS_avx2 -march=x86-64-v3)
# The compiler's own choice for some processors is 256 bits; the kernels are written for 512.
set(CHAINRULE_FLAGS_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
set(CHAINRULE_FLAGS_neon "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(CHAINRULE_FLAGS_baseline -march=x86-64-v2)
endif()
