# Two topics, each the beginning of its messages; a subscriber for each.
import pynng
import threading
import time

address = "inproc://example"


def publisher():
    with pynng.Pub0(listen=address) as pub:
        counter = 0
        try:
            while True:
                message1 = f"topic1: Message {counter}"
                print(f"Publisher sending: {message1}")
                pub.send(message1.encode())
                message2 = f"topic2: Message {counter}"
                print(f"Publisher sending: {message2}")
                pub.send(message2.encode())
                time.sleep(1)
                counter += 1
        except pynng.exceptions.Closed:
            print("Publisher closed.")


def subscriber(topic, thread_id):
    with pynng.Sub0(dial=address, topics=topic) as sub:
        try:
            while True:
                msg = sub.recv()
                print(f"Subscriber-{thread_id} received: {msg.decode()}", flush=True)
        except pynng.exceptions.Closed:
            print("Subscriber closed.")


if __name__ == "__main__":
    pub_thread = threading.Thread(target=publisher)
    sub_thread1 = threading.Thread(target=subscriber, args=(b"topic1", 1))
    sub_thread2 = threading.Thread(target=subscriber, args=(b"topic2", 2))

    pub_thread.start()
    time.sleep(1)
    sub_thread1.start()
    sub_thread2.start()

    pub_thread.join()
    sub_thread1.join()
    sub_thread2.join()
