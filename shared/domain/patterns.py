"""Regular expressions of users: RE2, which takes linear time, with bounds on its memory and its work."""

from typing import Any, Final

import re2

MAX_PATTERN_LENGTH: Final = 1_000
MAX_PROGRAM_SIZE: Final = 5_000  # instructions; a UUID takes 72, one \pL about 1,200
MAX_MEMORY_BYTES: Final = 1 << 20
# RE2 spends up to 5 ns per instruction and character when its automaton does not fit: this is half a second.
MAX_WORK: Final = 100_000_000


class InvalidPattern(ValueError):
    """The text is no pattern that RE2 can run within the bounds."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class PatternsTooCostly(Exception):
    """The patterns and the texts they are held against are too large together."""

    detail = "the regex rules take too long on this value; shorten the patterns or the texts"


def compile_pattern(pattern: str) -> Any:
    """The compiled RE2 pattern.

    Raises InvalidPattern.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidPattern(f"the pattern has more than {MAX_PATTERN_LENGTH} characters")
    options = re2.Options()
    options.max_mem = MAX_MEMORY_BYTES
    options.log_errors = False  # RE2 would write them to stderr
    options.never_capture = True
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown reason"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise InvalidPattern(f"not an RE2 pattern: {text[:200]}") from None
    except UnicodeEncodeError:
        raise InvalidPattern("the pattern holds a lone surrogate") from None
    if compiled.programsize > MAX_PROGRAM_SIZE:
        raise InvalidPattern("the pattern is too large once its repetitions are written out")
    return compiled


class Patterns:
    """The patterns of one comparison, or of several that share one allowance of work."""

    def __init__(self, work: int = MAX_WORK) -> None:
        self._work = work
        self._compiled: dict[str, Any] = {}

    def match(self, pattern: str, text: str) -> bool:
        """Whether the pattern matches the text from end to end.

        Raises PatternsTooCostly when the allowance is used up, InvalidPattern.

        >>> Patterns().match("[0-9]+", "123"), Patterns().match("[0-9]+", "123a")
        (True, False)
        """
        compiled = self._compiled.get(pattern)
        if compiled is None:
            compiled = self._compiled[pattern] = compile_pattern(pattern)
        self._work -= (len(text) + 1) * compiled.programsize
        if self._work < 0:
            raise PatternsTooCostly
        return compiled.fullmatch(text) is not None
