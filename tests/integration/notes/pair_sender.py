# Listens as one of a pair: a question, an answer, twenty times.
from pynng import Pair0

address = "tcp://127.0.0.1:13131"

with Pair0(listen=address, recv_timeout=3000) as s0:
    for i in range(20):
        msg_out = f"ping-{i}".encode()
        s0.send(msg_out)
        print(f">> {msg_out}")

        msg_in = s0.recv()
        print(f"<< {msg_in}")
