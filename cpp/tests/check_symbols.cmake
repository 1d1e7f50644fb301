# Fails when a kernel object shares anything beside its table: whatever is not local (a lower-case letter of nm, but for
# the weak ones) could be taken for another instruction set's.
execute_process(COMMAND ${NM} -C --defined-only ${OBJECT} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE ";" " " symbols "${symbols}")
string(REPLACE "\n" ";" lines "${symbols}")
foreach(line IN LISTS lines)
  if(line MATCHES " [A-Zuvw] " AND NOT line MATCHES " [DR] chainrule::[a-z0-9]+::table$")
    message(FATAL_ERROR "shared symbol in ${OBJECT}: ${line}")
  endif()
endforeach()
