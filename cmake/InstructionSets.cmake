# The instruction sets as data: on which processors, name, compiler flags. Every name compiles cpp/kernels/kernels.cpp
# once, into a table of its own; dispatch.cpp holds the question to the processor.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(CHAINRULE_ISAS baseline avx2 avx512)
  set(CHAINRULE_FLAGS_baseline -march=x86-64-v2)
  set(CHAINRULE_FLAGS_avx2 -march=x86-64-v3)
  # The compiler's own choice for some processors is 256 bits; the kernels are written for 512.
  set(CHAINRULE_FLAGS_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  # NEON is in every such processor: no flags.
  set(CHAINRULE_ISAS baseline neon)
else()
  set(CHAINRULE_ISAS baseline)
endif()
