"""How many files and connections a process may have open at a time."""

import resource
from contextlib import suppress

# More than one process needs; where the hard limit is a thousand million, tables of that size would be made for it.
MOST = 65_536


def raise_limit() -> None:
    """Raise the soft limit, which often is 1,024, to the hard one: every connection is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS may allow less than it says; then it stays as it was
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
