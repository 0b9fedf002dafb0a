"""Waiting in an event loop: one thread for each loop waits for all of its readers at once, and takes nothing.

The thread only finds out that a reader need not wait; the loop's own thread then reads. So a cancelled wait loses no message, and
nobody polls. A reader is in use by that thread from the moment it is waited for until it is ready or nobody waits any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from typing import Optional

from ._leat import Reader, Waiter

IDLE_SECONDS = 2.0  # a thread with nothing to wait for ends after that


class Wait:
    """One reader that is waited for by one or several tasks."""

    def __init__(self, future: "asyncio.Future[None]") -> None:
        self.future = future
        self.tasks = 0


class Hub:
    """All readers that one loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._waiter = Waiter()
        self._changed = threading.Condition()
        self._waits: dict[Reader, Wait] = {}  # what the tasks want; under the condition
        self._held: frozenset[Reader] = frozenset()  # what the thread waits for right now
        self._thread: Optional[threading.Thread] = None

    def is_waiting(self, reader: Reader) -> bool:
        return reader in self._waits

    async def ready(self, reader: Reader) -> None:
        """Until `reader` need not wait. Only from the loop's thread."""
        wait = self._join(reader)
        wait.tasks += 1
        try:
            await asyncio.shield(wait.future)
        finally:
            wait.tasks -= 1
            if wait.tasks == 0 and not wait.future.done():
                self._leave(reader, wait)

    def _join(self, reader: Reader) -> Wait:
        with self._changed:
            wait = self._waits.get(reader)
            if wait is None:
                wait = self._waits[reader] = Wait(asyncio.get_running_loop().create_future())
                self._waiter.wake()
                self._start()
        return wait

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="leat-waits", daemon=True)
            self._thread.start()

    def _leave(self, reader: Reader, wait: Wait) -> None:
        """Nobody waits any more. When this returns, the reader is the caller's again."""
        wait.future.cancel()
        with self._changed:
            if self._waits.get(reader) is wait:
                del self._waits[reader]
            while reader in self._held and reader not in self._waits:
                self._waiter.wake()
                self._changed.wait(0.05)

    # ---- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        busy = True
        while busy:
            with self._changed:
                self._held = frozenset(self._waits)
            try:
                ready = self._waiter.wait(self._held, None if self._held else IDLE_SECONDS)
            except (OSError, RuntimeError, ValueError):
                ready = list(self._held)  # their own calls say what is wrong
            busy = self._tell(ready)

    def _tell(self, ready: list[Reader]) -> bool:
        """False when there was nothing to do for a while: the thread ends."""
        with self._changed:
            busy = bool(self._held or self._waits)
            self._held = frozenset()
            waits = [self._waits.pop(reader) for reader in ready if reader in self._waits]
            if not busy:
                self._thread = None
            self._changed.notify_all()
        loop = self._loop()
        if waits and loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed: nobody waits there
                loop.call_soon_threadsafe(self._resolve, waits)
        return busy

    @staticmethod
    def _resolve(waits: list[Wait]) -> None:
        for wait in waits:
            if not wait.future.done():
                wait.future.set_result(None)


_hubs: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = weakref.WeakKeyDictionary()


def hub() -> Hub:
    """Of the running loop."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = Hub(loop)
    return found
