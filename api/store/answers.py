"""How much is read for one answer."""

from typing import Final

# As it lies in the database, not compressed. Payloads and results of up to 1 MiB each make a long list a large one.
MOST_BYTES: Final = 8 * 2**20
