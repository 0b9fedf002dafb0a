# Dials as the other of the pair, and answers ten times.
from pynng import Pair0
import time

address = "tcp://127.0.0.1:13131"

with Pair0(dial=address) as s1:
    for _ in range(10):
        msg_in = s1.recv()
        print(f"<< {msg_in}")

        value = int(msg_in[5:]) + 1000
        time.sleep(0.5)

        msg_out = f"xong-{value}".encode()
        s1.send(msg_out)
        print(f">> {msg_out}")
