# A node of a bus: says its name once asked to, hears what the others say.
from pynng import Bus0
import sys
import threading

address = "tcp://127.0.0.1:13131"


def hear(bus, name):
    while True:
        print(f"{name} heard {bus.recv().decode()}")


with Bus0(dial=address) as bus:
    threading.Thread(target=hear, args=(bus, sys.argv[1]), daemon=True).start()
    for line in sys.stdin:
        bus.send(f"{line.strip()} from {sys.argv[1]}".encode())
