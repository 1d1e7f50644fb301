# The instruction sets as data: on which processors, name, compiler flags. Every name compiles cpp/kernels/kernels.cpp
# once, into a table of its own; dispatch.cpp holds the question to the processor. CHAINRULE_ISAS given from outside
# builds fewer.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(isas baseline avx2 avx512)
  set(CHAINRULE_FLAGS_baseline -march=x86-64-v2)
  set(CHAINRULE_FLAGS_avx2 -march=x86-64-v3)
  # The compiler's own choice for some processors is 256 bits; the kernels are written for 512.
  set(CHAINRULE_FLAGS_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  # AVX-512 with a matrix unit, which computes the products of mixed precision, and with instructions for its numbers.
  list(APPEND isas amx)
  set(CHAINRULE_FLAGS_amx ${CHAINRULE_FLAGS_avx512} -mamx-tile -mamx-bf16 -mavx512bf16)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  # NEON is in every such processor: no flags.
  set(isas baseline neon)
else()
  set(isas baseline)
endif()
if(NOT DEFINED CHAINRULE_ISAS)
  set(CHAINRULE_ISAS ${isas})
endif()

# On the kernels, these checks take GCC five minutes for each instruction set; AddressSanitizer sees what they look for.
if(CHAINRULE_SANITIZE STREQUAL "address")
  set_source_files_properties(cpp/kernels/kernels.cpp PROPERTIES
    COMPILE_OPTIONS -fno-sanitize=null,alignment,object-size)
endif()
