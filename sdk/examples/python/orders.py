#!/usr/bin/env python3
"""Questions and answers: on one host, or with a bridge of pattern reqrep in between.

    orders.py serve REQUESTS REPLIES            answers until it is interrupted; "ready" when it listens
    orders.py ask   REQUESTS REPLIES TEXT...    asks one question for each TEXT, all at once, and prints the answers
"""

import asyncio
import sys

import leat


def serve(requests: str, replies: str) -> None:
    with leat.Replier(requests, replies) as replier:
        print("ready", flush=True)
        for question in replier:
            replier.reply(question, question.data.upper())


async def ask(requests: str, replies: str, texts: list[str]) -> None:
    async with leat.AsyncRequester(requests, replies) as requester:
        questions = [requester.request(text.encode(), timeout=10) for text in texts]
        for answer in await asyncio.gather(*questions):
            print(answer.data.decode())


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("serve", "ask"):
        sys.exit(__doc__)
    try:
        if sys.argv[1] == "serve":
            serve(*sys.argv[2:4])
        else:
            asyncio.run(ask(sys.argv[2], sys.argv[3], sys.argv[4:]))
    except KeyboardInterrupt:
        pass
    except leat.Error as error:
        sys.exit(f"orders: {error}")
