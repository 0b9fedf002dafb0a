"""leat: channels in shared memory, from process to process on one host, and through leatd to the network.

    with leat.Writer("quotes") as writer:
        writer.publish(b"first", tag=1)

    with leat.Reader("quotes") as reader:
        for message in reader:
            print(message.sequence, message.data)

Times are seconds, and None waits for ever; time stamps are nanoseconds since 1970. Sizes are bytes. Errors are exceptions derived
from leat.Error, which is an OSError. Linux only; leat/channel.h says what a channel promises.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from . import _leat
from ._channel import Reader, Writer
from ._errors import (
    Busy,
    Closed,
    Corrupt,
    Denied,
    Error,
    Exists,
    Lapped,
    NotFound,
    TimedOut,
    TooBig,
    VersionMismatch,
)
from ._leat import Claim, Loan, Message, Waiter, channels, forget, remove
from ._looking import ChannelInfo, ReaderInfo, inspect
from ._requests import AsyncRequester, Replier, Requester

__version__ = _leat.version


def wait(readers: Iterable[Reader], timeout: Optional[float] = None) -> list[Reader]:
    """Waits until one of the readers need not wait, or `timeout` seconds. Those that need not: a message is there, or the channel
    was removed, or the reader was closed by another thread. Takes nothing. Meanwhile all are in use by this call."""
    found = Waiter().wait(readers, timeout)
    return found  # type: ignore[return-value]  # what goes in comes out


__all__ = [
    "AsyncRequester",
    "Busy",
    "ChannelInfo",
    "Claim",
    "Closed",
    "Corrupt",
    "Denied",
    "Error",
    "Exists",
    "Lapped",
    "Loan",
    "Message",
    "NotFound",
    "Reader",
    "ReaderInfo",
    "Replier",
    "Requester",
    "TimedOut",
    "TooBig",
    "VersionMismatch",
    "Waiter",
    "Writer",
    "channels",
    "forget",
    "inspect",
    "remove",
    "wait",
]
