"""Reader and Writer: the C types with what an event loop needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Optional

from . import _leat
from ._asynchronous import hub
from ._errors import Closed, TimedOut
from ._leat import Message

if TYPE_CHECKING:
    from ._leat import Buffer

MESSAGES_AT_A_TIME = 128  # then other tasks get their turn


class Reader(_leat.Reader):
    """Reads a channel: every message that its writers publish.

    Reader(name, *, start="oldest", durable=None, hold=0, manual_ack=False, spin=25e-6, create=False, directory=None,
           policy=None, producers=None, capacity=None, mode=0o600, group=None, reader_slots=256, writer_slots=64,
           wait_readers=0)

    name        of the channel: letters, digits, '.', '_', '-'
    start       "oldest" message that is still there, or "next": where a reader without a stored position begins
    durable     a name: its position lives in the channel and survives the process; the next reader of that name resumes
                there, or learns from its first message's `lost` how many were overwritten meanwhile
    hold        block policy, durable: for how many seconds after its death it still holds writers back; None: for ever
    manual_ack  the position moves only by acknowledge()
    spin        seconds of polling before it sleeps in the kernel
    create      make the channel when it is not there, with the properties that Writer documents; else NotFound
    directory   where channels lie: None is $LEAT_SHM_DIR, else /dev/shm

    Raises NotFound, Busy (a live reader has that name, or no place is free), Denied, Exists (with `create`: it is there with
    other properties), VersionMismatch.

    It is a context manager and an iterator: `for message in reader` waits for ever and ends when the channel is removed or
    the reader is closed. A Reader is used by one thread at a time (RuntimeError), except close() and acknowledge(). After
    a fork the child opens its own. Waiting lets other threads run, and Ctrl-C ends it.
    """

    async def get(self) -> Message:
        """The next message, as read(), without blocking the event loop. A cancelled get() loses no message."""
        waits = hub()
        while True:
            if not waits.is_waiting(self):
                message = self.try_read()
                if message is not None:
                    return message
            await waits.ready(self)

    async def messages(self) -> AsyncIterator[Message]:
        """All messages from now on, for `async for`; ends when the channel is removed."""
        taken = 0
        try:
            while True:
                yield await self.get()
                taken += 1
                if taken % MESSAGES_AT_A_TIME == 0:
                    await asyncio.sleep(0)
        except Closed:
            return

    def __aiter__(self) -> AsyncIterator[Message]:
        return self.messages()


class Writer(_leat.Writer):
    """Publishes into a channel, which is made when it is not there.

    Writer(name, *, create=True, directory=None, policy=None, producers=None, capacity=None, mode=0o600, group=None,
           reader_slots=256, writer_slots=64, wait_readers=0)

    create      False: NotFound when the channel is not there
    policy      "overwrite" (default of a new channel): never waits for readers, who are told what they lost; or "block":
                waits for registered readers, nothing is lost while they live
    producers   "many" (default) or "one", which is a little faster and refuses a second writer (Busy)
    capacity    bytes of ring, rounded up to a power of two; 4 MiB; a message may take half of it
    mode, group permission bits and numeric group of a new channel
    reader_slots, writer_slots   how many registered readers, and writers, at once
    wait_readers                 block policy: wait until so many readers have registered
    directory   where channels lie: None is $LEAT_SHM_DIR, else /dev/shm

    What is None is taken as an existing channel has it. Raises Exists (it is there with other properties than asked for),
    Busy, Denied, VersionMismatch, Error with ENOSPC. It is a context manager. One thread at a time (RuntimeError), except
    close(). After a fork the child opens its own.
    """

    async def put(self, data: Buffer, tag: int = 0, timeout: Optional[float] = None) -> None:
        """publish(), without blocking the event loop while a block channel is full: it looks again after 0.5 to 10 ms."""
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        nap = 0.0005
        while True:
            try:
                return self.publish(data, tag, 0)
            except TimedOut:
                if end is not None and loop.time() >= end:
                    raise
            await asyncio.sleep(nap)
            nap = min(2 * nap, 0.01)
