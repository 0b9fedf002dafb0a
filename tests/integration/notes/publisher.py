# A publisher on any transport.
import pynng
import time

address = "tcp6://[::1]:4433"


def publisher():
    with pynng.Pub0(listen=address) as pub:
        i = 0
        while True:
            message = f"Message {i}"
            print(f"SERVER: PUBLISHING DATE {message}")
            pub.send(message.encode())
            time.sleep(0.2)
            i += 1


if __name__ == "__main__":
    try:
        publisher()
    except KeyboardInterrupt:
        pass
