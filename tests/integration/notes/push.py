# Hands out tasks, in turn to those who pull.
from pynng import Push0

address = "tcp://127.0.0.1:13131"

with Push0(dial=address, send_timeout=20000) as push:
    for i in range(20):
        push.send(f"task {i}".encode())
        print(f">> task {i}")
    input()
