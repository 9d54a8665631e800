"""The seal: what is stored is not the secret, and only a key that is in the settings opens it."""

import pytest

from shared.errors import SealBroken
from shared.seal import Seal

SECRET = bytes(range(24))
OLD, NEW, OTHER = "the old key of 2025", "the new key of 2026", "nobody's key at all"


def test_a_sealed_secret_is_opened_with_its_key() -> None:
    assert Seal([OLD]).open(Seal([OLD]).seal(SECRET)) == SECRET


def test_what_is_stored_shows_neither_the_secret_nor_whether_two_are_the_same() -> None:
    seal = Seal([OLD])
    first, second = seal.seal(SECRET), seal.seal(SECRET)
    assert first != second
    for sealed in (first, second):
        assert SECRET not in sealed
        assert SECRET.hex().encode() not in sealed


def test_what_the_driver_reads_as_a_memoryview_is_opened_too() -> None:
    seal = Seal([OLD])
    assert seal.open(memoryview(seal.seal(SECRET))) == SECRET  # type: ignore[arg-type]  # as psycopg2 gives bytea


def test_a_key_that_is_put_first_seals_and_the_one_behind_it_still_opens() -> None:
    both = Seal([NEW, OLD])
    assert both.open(Seal([OLD]).seal(SECRET)) == SECRET
    assert Seal([NEW]).open(both.seal(SECRET)) == SECRET
    with pytest.raises(SealBroken):
        Seal([OLD]).open(both.seal(SECRET))


@pytest.mark.parametrize("keys", [[OTHER], [OTHER, NEW]])
def test_a_wrong_key_does_not_open_it(keys: list[str]) -> None:
    with pytest.raises(SealBroken, match="sealed with a key that is not in ROUNDSMAN_SECRET_KEY"):
        Seal(keys).open(Seal([OLD]).seal(SECRET))


@pytest.mark.parametrize("sealed", [b"", b"x", SECRET, b"gAAAAA" + b"A" * 100, bytes(200)])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        Seal([OLD]).open(sealed)


def test_a_single_changed_byte_breaks_the_seal() -> None:
    sealed = bytearray(Seal([OLD]).seal(SECRET))
    sealed[40] ^= 1
    with pytest.raises(SealBroken):
        Seal([OLD]).open(bytes(sealed))


def test_without_a_key_nothing_is_sealed_or_opened_and_the_sentence_names_the_setting() -> None:
    for act in (Seal([]).seal, Seal([]).open):
        with pytest.raises(SealBroken, match="ROUNDSMAN_SECRET_KEY is not set"):
            act(Seal([OLD]).seal(SECRET))
