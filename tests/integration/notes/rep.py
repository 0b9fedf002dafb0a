# Answers: first recv, then send; the other way round is an error.
from pynng import BadState, Rep0

address = "tcp://127.0.0.1:13131"

with Rep0(listen=address, recv_timeout=20000) as rep:
    try:
        rep.send(b"an answer to nobody")
    except BadState:
        print("nobody has asked yet")
    for _ in range(3):
        question = rep.recv()
        print(f"<< {question.decode()}")
        rep.send(b"answer to " + question)
