# Asks everybody and takes what comes while the survey is valid.
from pynng import Surveyor0, Timeout
import time

address = "tcp://127.0.0.1:13131"

with Surveyor0(listen=address) as surveyor:
    surveyor.survey_time = 3000
    while not surveyor.pipes:
        time.sleep(0.01)
    surveyor.send(b"who is there?")
    try:
        while True:
            print(f"<< {surveyor.recv().decode()}")
    except Timeout:
        print("the survey is over")
