# Asks several questions at once, each in a context of its own.
import asyncio
from pynng import Req0

address = "tcp://127.0.0.1:13131"


async def ask(req, i):
    with req.new_context() as context:
        await context.asend(f"question {i}".encode())
        answer = await context.arecv()
        print(f"question {i}: {answer.decode()}")


async def main():
    with Req0(dial=address, recv_timeout=20000) as req:
        await asyncio.gather(*(ask(req, i) for i in range(5)))


asyncio.run(main())
