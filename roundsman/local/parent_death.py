"""Children that do not outlive us, however we die (Linux)."""

import ctypes
import os
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def ask_to_die_with_us(death_signal: int) -> Callable[[], None] | None:
    """What a child runs before its program, so that the kernel sends it `death_signal` when we are gone.

    The kernel forgets the wish when the child changes its user, so this comes after that (subprocess does it
    in that order). It watches the THREAD that starts the child: start children only in a thread that lives as
    long as they shall, the main thread.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # we died before the kernel heard of the wish
            os._exit(1)

    return ask
