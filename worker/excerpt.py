"""What is kept of an answer for a person to read: text, short, harmless, and without secrets."""

import codecs
import re
from typing import Final

from worker.outbound.exchange import MAX_BODY_BYTES
from worker.redaction import redacted

MAX_CHARACTERS: Final = 1_000
# No more of a body is ever looked at: enough for MAX_CHARACTERS in any script and with secrets taken out, and so
# little that a hostile body costs no more than an honest one.
READ_BYTES: Final = 8_192
ELLIPSIS: Final = "…"

# With more than one character in ten that cannot be read it is not text, whatever the server calls it.
_UNREADABLE_SHARE: Final = 0.1
_REPLACEMENT: Final = "\ufffd"
# C0 without tab and line feed, DEL, C1, line separators, and what turns the direction of writing around. An
# excerpt is shown in terminals, and stored in Postgres, whose text cannot hold NUL.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

_MEDIA_TYPE: Final = re.compile(r"[ \t]*([A-Za-z0-9.+_-]{1,60}/[A-Za-z0-9.+_-]{1,60})[ \t]*(?:;|$)")
_NO_TEXT: Final = re.compile(
    r"(?:image|audio|video|font)/(?!svg\+xml$)|application/(?:pdf|zip|gzip|x-7z-compressed|wasm)$", re.IGNORECASE
)


def excerpt(body: bytes, content_type: str | None) -> str | None:
    r"""At most 1,000 characters of the body, or a sentence about what cannot be read; None if there is nothing.

    `content_type` is the header as it came. Text is read as UTF-8; secrets are replaced, control characters too.

    >>> excerpt(b'{"error": "no such user"}', "application/json")
    '{"error": "no such user"}'
    >>> excerpt(b'{"token": "abc", "note": "a\x00b"}', None)
    '{"token": [redacted], "note": "a\ufffdb"}'
    >>> excerpt(bytes(1234), "image/png")
    '(1,234 bytes of image/png)'
    """
    if not body:
        return None
    media_type = _MEDIA_TYPE.match(content_type or "")
    kind = media_type[1] if media_type else "binary data"
    decoded = "" if _NO_TEXT.match(kind) else _decoded(body)
    text = _CONTROLS.sub(_REPLACEMENT, decoded)
    if text.count(_REPLACEMENT) > _UNREADABLE_SHARE * len(text) or not text:
        return f"({_size(len(body))} of {kind})"
    shown = redacted(text).strip()
    if len(shown) > MAX_CHARACTERS or len(body) > READ_BYTES:
        shown = shown[: MAX_CHARACTERS - len(ELLIPSIS)] + ELLIPSIS
    return shown or None


def _decoded(body: bytes) -> str:
    """The beginning of the body; a character that the cut goes through is left out."""
    is_whole = len(body) <= READ_BYTES
    text = codecs.getincrementaldecoder("utf-8-sig")("replace").decode(body[:READ_BYTES], final=is_whole)
    return text.replace("\r\n", "\n")


def _size(count: int) -> str:
    if count >= MAX_BODY_BYTES:  # no more than this was read
        return f"{count:,} bytes or more"
    return "1 byte" if count == 1 else f"{count:,} bytes"
