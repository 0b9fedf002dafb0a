#!/usr/bin/env python3
"""An event loop that reads several channels at once, and does other things meanwhile.

    events.py SECONDS CHANNEL...     prints what comes in SECONDS seconds; "ready" when it listens
"""

import asyncio
import sys

import leat


async def listen(reader: leat.Reader) -> None:
    async for message in reader.messages():
        print(reader.name, message.tag, message.data.decode(errors="replace"), flush=True)


async def main(seconds: float, channels: list[str]) -> None:
    readers = [leat.Reader(channel, create=True, start="next") for channel in channels]
    print("ready", flush=True)
    listening = [asyncio.create_task(listen(reader)) for reader in readers]
    await asyncio.wait(listening, timeout=seconds)
    for task in listening:
        task.cancel()  # takes nothing away: what was not printed could still be read
    await asyncio.gather(*listening, return_exceptions=True)
    for reader in readers:
        reader.close()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
    except leat.Error as error:
        sys.exit(f"events: {error}")
