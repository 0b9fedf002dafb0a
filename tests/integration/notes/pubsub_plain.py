# Everything to everybody; publisher and subscriber as threads of one program.
import pynng
import threading
import time

address = "inproc://example"


def publisher():
    with pynng.Pub0(listen=address) as pub:
        counter = 0
        try:
            while True:
                message = f"Message {counter}"
                print(f"Publisher sending: {message}")
                pub.send(message.encode())
                time.sleep(1)
                counter += 1
        except pynng.exceptions.Closed:
            print("Publisher closed.")


def subscriber():
    with pynng.Sub0(dial=address, topics=b"") as sub:
        try:
            while True:
                msg = sub.recv()
                print(f"Subscriber received: {msg.decode()}")
        except pynng.exceptions.Closed:
            print("Subscriber closed.")


if __name__ == "__main__":
    pub_thread = threading.Thread(target=publisher)
    sub_thread = threading.Thread(target=subscriber)

    pub_thread.start()
    sub_thread.start()

    pub_thread.join()
    sub_thread.join()
