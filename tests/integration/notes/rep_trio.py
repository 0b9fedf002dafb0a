# Answers, under trio.
from pynng import Rep0
from trio import run

address = "tcp://127.0.0.1:13131"


async def serve():
    with Rep0(listen=address, recv_timeout=20000) as rep:
        for _ in range(3):
            question = await rep.arecv()
            print(f"<< {question.decode()}")
            await rep.asend(b"answer to " + question)


run(serve)
