# One of those who pull tasks.
from pynng import Pull0

address = "tcp://127.0.0.1:13131"

with Pull0(dial=address) as pull:
    while True:
        print(f"<< {pull.recv().decode()}")
