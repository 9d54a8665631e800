"""The two ways in which starting comes to nothing."""


class CannotStart(Exception):
    """Something stands in the way; the message says what, and what to do about it."""


class StopRequested(Exception):
    """A signal asked us to stop while we were still starting."""
