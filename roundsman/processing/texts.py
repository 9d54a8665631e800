"""What is told the service of a failure: as text that it accepts."""

import traceback

MOST_CHARACTERS = 10_000


def sendable(text: str) -> str:
    r"""The text without what JSON in a database cannot hold, and not longer than the service takes it.

    >>> sendable("a\0b\ud800c")
    'a\ufffdb?c'
    >>> len(sendable("x" * 20_000))
    10000
    """
    clean = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return clean if len(clean) <= MOST_CHARACTERS else clean[: MOST_CHARACTERS - 1] + "…"


def reason(error: BaseException) -> str:
    """Why a function failed, in one sentence.

    >>> reason(ValueError("no such image")), reason(ValueError())
    ('ValueError: no such image', 'ValueError')
    """
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 (an exception of somebody's whose text is an accident itself)
        text = ""
    name = type(error).__name__
    return sendable(f"{name}: {text}" if text else name)


def trace(error: BaseException) -> str:
    """Its traceback; of a long one the end, where it happened."""
    text = "".join(traceback.format_exception(error)).rstrip()
    return sendable(text if len(text) <= MOST_CHARACTERS else "…" + text[1 - MOST_CHARACTERS :])
