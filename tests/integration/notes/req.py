# Asks: first send, then recv; the other way round is an error.
from pynng import BadState, Req0

address = "tcp://127.0.0.1:13131"

with Req0(dial=address, recv_timeout=20000) as req:
    try:
        req.recv()
    except BadState:
        print("nothing was asked yet")
    for i in range(3):
        req.send(f"question {i}".encode())
        print(f"<< {req.recv().decode()}")
