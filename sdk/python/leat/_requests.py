"""Questions and answers over two channels: one for requests, one for what comes back."""

from __future__ import annotations

import asyncio
import errno
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional

from . import _leat
from ._channel import Reader, Writer
from ._errors import TimedOut
from ._leat import Message

if TYPE_CHECKING:
    from ._leat import Buffer

TAGS = 1 << 64


class Requester(_leat.Requester):
    """Asks; what is answered comes back under the question's tag.

    Requester(requests, replies, *, create=True, ...)    keywords of both channels as for Writer

    request() asks and waits; send() and receive() keep up to 65536 questions open at once; survey() takes everybody's
    answers. An answer that is late, doubled or somebody else's is never seen. An answer may be as large as the channel's
    largest message. One thread at a time (RuntimeError), except close().
    """

    def survey(self, data: Buffer, deadline: float) -> Iterator[Message]:
        """Asks everybody: iterates over the answers that come within `deadline` seconds. The question is asked now."""
        return self._answers(self._survey(data, deadline))

    def _answers(self, tag: int) -> Iterator[Message]:
        try:
            while (answer := self._survey_next(tag)) is not None:
                yield answer
        finally:
            if not self.closed:
                self.forget(tag)


class Replier(_leat.Replier):
    """Answers questions of requesters: on this host, or through a gateway's bridge from anywhere.

    Replier(requests, replies, *, create=True, ...)    keywords of both channels as for Writer

    `for question in replier: replier.reply(question, answer)` until it is closed. Any number of questions may be
    unanswered, and they may be answered in any order. One thread at a time (RuntimeError), except close().
    """


class AsyncRequester:
    """Asks from an event loop: any number of questions at once.

    AsyncRequester(requests, replies, *, create=True, ...)    keywords of both channels as for Writer

    An async context manager, for the tasks of one loop. Answering needs no class of its own: read questions with
    Reader.messages() and publish each answer under its question's tag.
    """

    def __init__(self, requests: str, replies: str, *, create: bool = True, **channel: Any) -> None:
        self._writer = Writer(requests, create=create, **channel)
        try:
            self._reader = Reader(replies, start="next", create=create, **channel)
        except BaseException:
            self._writer.close()
            raise
        self._tag = secrets.randbits(64)
        self._open: dict[int, asyncio.Future[Message]] = {}
        self._pump: Optional[asyncio.Task[None]] = None

    async def request(self, data: Buffer, timeout: float) -> Message:
        """Asks and waits for the answer up to `timeout` seconds; then raises TimedOut. Raises Closed, TooBig."""
        loop = asyncio.get_running_loop()
        if self._pump is None or self._pump.done():
            self._pump = loop.create_task(self._deliver())
        tag = self._tag = (self._tag + 1) % TAGS
        answer = self._open[tag] = loop.create_future()
        end = loop.time() + timeout
        try:
            await self._writer.put(data, tag, timeout)
            return await asyncio.wait_for(answer, end - loop.time())
        except TimedOut:
            raise
        except asyncio.TimeoutError:
            raise TimedOut(errno.ETIMEDOUT, "no answer in the time given", self._writer.name) from None
        finally:
            self._open.pop(tag, None)

    async def _deliver(self) -> None:
        try:
            while True:
                message = await self._reader.get()
                answer = self._open.get(message.tag)
                if answer is not None and not answer.done():
                    answer.set_result(message)
        except (OSError, ValueError) as error:
            for answer in self._open.values():
                if not answer.done():
                    answer.set_exception(error)

    def close(self) -> None:
        """Closes both channels, which stay. Questions that are open end with ValueError. Harmless when closed."""
        self._reader.close()
        self._writer.close()
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(ValueError("the requester is closed"))

    async def __aenter__(self) -> "AsyncRequester":
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()


