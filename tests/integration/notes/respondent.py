# Chimes in when somebody asks.
from pynng import Respondent0

address = "tcp://127.0.0.1:13131"

with Respondent0(dial=address, recv_timeout=20000) as respondent:
    survey = respondent.recv()
    print(f"<< {survey.decode()}")
    respondent.send(b"one of the notes")
