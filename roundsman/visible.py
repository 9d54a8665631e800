"""Foreign text made fit for a terminal: nothing in it may act on the terminal or hide."""

import unicodedata

# Control, format (zero width, right-to-left overrides), surrogate, private-use, unassigned, and the two
# separators that break a line.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str, *, limit: int | None = None) -> str:
    r"""The text with every character that does not show written out, and cut to `limit` characters.

    >>> visible("red \x1b[31m, new\nline")
    'red \\x1b[31m, new\\nline'
    >>> visible("abcdef", limit=4)
    'abcd… (6 characters)'
    """
    shown = text if limit is None else text[:limit]
    clean = "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in HIDDEN_CATEGORIES
        else character
        for character in shown
    )
    return clean if len(shown) == len(text) else f"{clean}… ({len(text)} characters)"
