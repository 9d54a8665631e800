"""How many requests wait for tasks, as the service tells."""

import re

WAITING = re.compile(r"^roundsman_waiting_pops ([0-9.]+)$", re.MULTILINE)


def waiting_pops(metrics: str) -> int:
    """The number in the text of GET /metrics."""
    found = WAITING.search(metrics)
    return int(float(found[1])) if found else 0
