"""What a channel looks like from outside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, Optional, Union

from . import _leat

Directory = Optional[Union[str, "os.PathLike[str]"]]


@dataclass(frozen=True)
class ReaderInfo:
    """A registered reader: a durable one, or any of a block channel."""

    name: str
    """Empty when it is not durable."""
    alive: bool
    durable: bool
    pid: int
    """Of the process that opened it last. For people, never for decisions."""
    lag_messages: int
    """Published but not yet acknowledged by it."""
    lag_bytes: int
    """The same in bytes of ring."""
    lost: int
    """Overwritten before it read them, over all its lives."""


@dataclass(frozen=True)
class ChannelInfo:
    """A channel at one moment."""

    name: str
    policy: Literal["overwrite", "block"]
    producers: Literal["many", "one"]
    mode: int
    """Permission bits."""
    capacity: int
    """Bytes in the ring."""
    max_message: int
    """Bytes in the largest message."""
    messages: int
    """The sequence number that the next message will get."""
    created_ns: int
    """Nanoseconds since 1970."""
    published_ns: int
    """When the newest message was published; 0: none yet."""
    writers: int
    """How many live."""
    uid: int
    gid: int
    incarnation: bytes
    """16 bytes that no other channel has, nor this name's next one."""
    readers: tuple[ReaderInfo, ...]


def inspect(name: str, directory: Directory = None) -> ChannelInfo:
    """Describes a channel without joining it. Raises NotFound, Denied, VersionMismatch."""
    found = _leat.inspect(name, directory)
    readers = tuple(ReaderInfo(**reader) for reader in found.pop("readers"))
    return ChannelInfo(name=name, readers=readers, **found)
