"""The code of a Temporary Access Pass, which must never be stored or logged."""

from __future__ import annotations

from typing import NoReturn

from django.views.decorators.debug import sensitive_variables

HIDDEN = "[pass hidden]"


class PassCode:
    """A code that only an explicit call of `reveal()` returns.

    Printing, formatting, logging and templates give a placeholder; copying, pickling and JSON fail.
    """

    # A slot, so that vars() finds nothing; a bytearray, so that wipe() can overwrite it in place.
    __slots__ = ("__code",)

    @sensitive_variables()
    def __init__(self, code: str) -> None:
        self.__code = bytearray(code, "ascii")

    @sensitive_variables()
    def reveal(self) -> str:
        """Return the code, for the one page that shows it."""
        if not self.__code:
            raise ValueError("This pass has been wiped.")
        return self.__code.decode("ascii")

    def wipe(self) -> None:
        """Overwrite the code in memory. Afterwards it cannot be revealed."""
        self.__code[:] = bytes(len(self.__code))
        self.__code.clear()

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, specification: str) -> str:
        return HIDDEN

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A pass cannot be copied or stored.")

    def __reduce__(self) -> NoReturn:
        raise TypeError("A pass cannot be copied or stored.")

    def __getstate__(self) -> NoReturn:
        raise TypeError("A pass cannot be copied or stored.")

    # Not hashable: as a dictionary key or a member of a set, it would stay in memory.
    __hash__ = None  # type: ignore[assignment]
