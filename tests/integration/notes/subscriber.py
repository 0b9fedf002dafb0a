# A subscriber on any transport, until it has had enough.
import pynng

address = "tcp6://[::1]:4433"


def subscriber(name, max_msg=20):
    with pynng.Sub0(dial=address, topics=b"") as sub:
        while max_msg:
            msg = sub.recv()
            print(f"CLIENT ({name}): RECEIVED {msg.decode()}")
            max_msg -= 1


if __name__ == "__main__":
    try:
        subscriber("client0")
    except KeyboardInterrupt:
        pass
