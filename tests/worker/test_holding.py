"""What a worker holds: a finish records what has ended until now, and leaves what ends meanwhile to the next."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import cast

from shared.queues import Bell
from tests.pieces import an_end, some_pieces
from tests.recording_bell import RecordingBell
from worker.finishing import Finishing
from worker.holding import Holding
from worker.performer import Ended


class BusyFinishing:
    """While it records a batch, as much again ends."""

    def __init__(self) -> None:
        self.holding: Holding | None = None

    def finish_batch(self, batch: Sequence[Ended]) -> Iterator[tuple[Sequence[Ended], set[str]]]:
        assert self.holding is not None
        for item in batch:
            self.holding.ended(item)
        yield batch, {item.work.id for item in batch}


def test_a_worker_that_is_never_done_comes_to_its_next_claim() -> None:
    finishing = BusyFinishing()
    bell = cast(Bell, RecordingBell())
    holding = Holding(cast(Finishing, finishing), bell, Counter(), margin_seconds=15)
    finishing.holding = holding
    pieces = some_pieces(3, "a")
    holding.took(pieces, 0)
    for piece in pieces:
        holding.ended(Ended(piece.work, an_end(piece.work)))
    assert holding.finish() == 3
    assert holding.finish() == 3, "those that ended meanwhile"
