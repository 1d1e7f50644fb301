"""The core runs in the main interpreter alone: elsewhere, loading it would never return, so that it is refused here."""

import ctypes

# Functions of CPython that tell this interpreter, and the main one.
_CURRENT, _MAIN = (
    ctypes.PYFUNCTYPE(ctypes.c_void_p)((name, ctypes.pythonapi))
    for name in ("PyInterpreterState_Get", "PyInterpreterState_Main")
)

if _CURRENT() != _MAIN():
    raise ImportError(
        "chainrule cannot be imported in a subinterpreter, got one; import it in the main interpreter of a process"
    )
