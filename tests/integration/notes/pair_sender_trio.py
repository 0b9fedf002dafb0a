# The listening one of the pair, under trio.
from trio import run
from pynng import Pair0


async def send_and_recv():
    address = "tcp://127.0.0.1:13131"
    with Pair0(listen=address, recv_timeout=3000) as s0:
        for i in range(20):
            msg_out = f"ping-{i}".encode()
            await s0.asend(msg_out)
            print(">>", msg_out)

            print("<<", await s0.arecv())


run(send_and_recv)
