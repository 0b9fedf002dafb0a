"""What can go wrong, as exceptions: each is an OSError with libleat's sentence, and the built-in one that fits."""


class Error(OSError):
    """Any failure of libleat. `errno` is its code, `strerror` its sentence, `filename` the channel where one is meant."""

    published: int = 0
    """Of publish_many: how many messages were published before it failed."""

    tag: int = 0
    """Of Requester.receive: which question it is about."""


class TimedOut(Error, TimeoutError):
    """Nothing to read, or no room, in the time given."""


class Lapped(Error):
    """What was borrowed was overwritten meanwhile: what was computed from it does not count."""


class Closed(Error, BrokenPipeError):
    """The channel was removed: nothing will ever come or be taken again."""


class TooBig(Error):
    """The message is larger than the channel takes."""


class Corrupt(Error):
    """Shared memory holds what no correct writer writes. It was skipped: the next call goes on."""


class VersionMismatch(Error):
    """The channel has a layout that this library does not know."""


class NotFound(Error, FileNotFoundError):
    """There is no such channel, or no such reader."""


class Exists(Error, FileExistsError):
    """The channel is there with other properties than those asked for."""


class Busy(Error):
    """Somebody else has what only one can have: a name, a place, a borrowed message."""


class Denied(Error, PermissionError):
    """This user may not."""
