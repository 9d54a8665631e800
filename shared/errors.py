"""The one tree of accidents that the three processes share."""


class RoundsmanError(Exception):
    """Something went wrong in a way that the caller is told about."""


class InvalidSettings(RoundsmanError):
    """The environment does not describe a service that can run."""


class DatabaseUnavailable(RoundsmanError):
    """Postgres did not answer, or every connection stayed busy for the whole wait."""


class DatabaseBusy(DatabaseUnavailable):
    """Postgres answers, but gave this up: it took too long, or stood in the way of another transaction."""


class CommitUnknown(DatabaseUnavailable):
    """Postgres went away while it was to commit: what was written is there, or nothing of it is."""


class SealBroken(RoundsmanError):
    """A secret cannot be sealed or opened with the keys of the settings."""
