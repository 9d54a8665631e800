"""In whose words a webhook is told of events: ours, or those of another system whose client made it."""

from typing import Final

ROUNDSMAN: Final = "roundsman"
AUTOMATED_QA: Final = "automated-qa"

# Their names of events, and ours: of runs that a schedule began, and of no others.
AUTOMATED_QA_TYPES: Final = {
    "SCHEDULED_CHECKLIST_START": "run.started",
    "SCHEDULED_CHECKLIST_END": "run.finished",
}
