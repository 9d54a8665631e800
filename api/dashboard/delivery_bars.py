"""The last deliveries of a webhook as bars, the newest on the right: what did not arrive is higher."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from api.dashboard.run_bars import HEIGHT, STEP, WIDTH, Bar, Bars
from api.store.dashboard_webhooks import LatestDelivery

LOOKS: Final = {
    "succeeded": ("good", 11),
    "failed": ("bad", 22),
    "retrying": ("fresh", 16),
    "running": ("going", 8),
    "pending": ("waiting", 6),
}
OTHERS: Final = ("off", 6)


def word_for(state: str, attempts: int) -> str:
    """How far a delivery is that was begun so often.

    >>> word_for("pending", 0), word_for("pending", 2), word_for("failed", 8)
    ('pending', 'retrying', 'failed')
    """
    return "retrying" if state == "pending" and attempts else state


def picture(deliveries: Sequence[LatestDelivery], most: int) -> Bars:
    """The deliveries, newest first, as bars, oldest first, at the right end of as many places."""
    empty = most - len(deliveries)
    words = [word_for(delivery.state, delivery.attempt) for delivery in deliveries]
    bars = [Bar("line", _outline(place, 3), "") for place in range(empty)]
    for place, (delivery, word) in enumerate(zip(reversed(deliveries), reversed(words), strict=True), empty):
        fill, height = LOOKS.get(word, OTHERS)
        title = f"{delivery.event_type} {word}, {delivery.at:%Y-%m-%d %H:%M:%S} UTC"
        bars.append(Bar(fill, _outline(place, height), title))
    return Bars(bars, most * STEP, _in_words(words))


def _outline(place: int, height: int) -> str:
    return f"M{place * STEP} {HEIGHT}v-{height}h{WIDTH}v{height}z"


def _in_words(words: Sequence[str]) -> str:
    """The same for whoever cannot see it; the words are newest first.

    >>> _in_words(["failed", "succeeded", "succeeded"])
    'Last 3 deliveries: 1 failed, 2 succeeded; the latest failed'
    """
    if not words:
        return "No deliveries yet"
    numbers = ", ".join(f"{number} {word}" for word, number in sorted(Counter(words).items()))
    deliveries = "delivery" if len(words) == 1 else f"{len(words)} deliveries"
    return f"Last {deliveries}: {numbers}; the latest {words[0]}"
