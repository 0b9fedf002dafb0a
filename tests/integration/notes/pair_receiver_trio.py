# The dialling one of the pair, under trio. (Nobody awaits its sleep, so it answers at once and Python warns.)
from trio import run, sleep
from pynng import Pair0


async def send_and_recv():
    address = "tcp://127.0.0.1:13131"
    with Pair0(dial=address) as s1:
        for _ in range(10):
            sleep(1)
            msg_in = await s1.arecv()
            print("<<", msg_in)

            value = int(msg_in[5:]) * 1000
            msg_out = f"xong-{value}".encode()
            await s1.asend(msg_out)


run(send_and_recv)
