"""Surveys: everybody is asked, and every answer until the deadline travels back; a late one is counted and goes nowhere."""

import asyncio
import itertools
import os
import signal

import pytest

from asking import RESPONDENT, SURVEYOR, Server, Wire, local_requester, split_id, start_replier, with_id
from sp import Connection
from support import drops, tcp, wait_until

RESPONDENTS = 20
PATIENCE_MS = 20_000
CHANNELS = "channel = shm://roll\nreply_channel = shm://roll.replies"


def inward(url, timeout="20s"):
    return f"""
        [bridge.roll]
        pattern = survey
        direction = in
        {CHANNELS}
        listen = {url}
        survey.timeout = {timeout}
        """


def url_of(house, scheme):
    return {"tcp": tcp(), "ipc": house.ipc("roll"), "ws": tcp().replace("tcp:", "ws:") + "/roll"}[scheme]


# ---- in: a remote surveyor, local respondents ------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["tcp", "ipc", "ws"])
def test_a_remote_surveyor_gets_all_answers_of_twenty_local_respondents(house, gateway, pynng, scheme):
    url = url_of(house, scheme)
    running = gateway(inward(url))
    for number in range(RESPONDENTS):
        start_replier(house, "roll", "--mark", f"r{number}:")
    with pynng.Surveyor0(dial=url, survey_time=PATIENCE_MS) as surveyor:
        running.wait_for_peers("roll", 1)
        for call in range(5):
            surveyor.send(b"call %d" % call)
            answers = [surveyor.recv() for _ in range(RESPONDENTS)]
            assert sorted(answers) == sorted(b"r%d:call %d" % (number, call) for number in range(RESPONDENTS))
    running.wait_for_balance("roll")
    assert running.lane_that_goes("roll", "in")["forwarded"] == 5
    assert running.lane_that_goes("roll", "out")["forwarded"] == 5 * RESPONDENTS


def test_several_surveyors_each_get_the_answers_to_their_own(house, gateway, pynng):
    url = tcp()
    running = gateway(inward(url))
    for number in range(RESPONDENTS):
        start_replier(house, "roll", "--mark", f"r{number}:", "--hold", 10)

    async def one(number):
        with pynng.Surveyor0(dial=url, survey_time=PATIENCE_MS) as surveyor:
            await surveyor.asend(b"from %d" % number)
            return sorted([await surveyor.arecv() for _ in range(RESPONDENTS)])

    async def everybody():
        return await asyncio.gather(*(one(number) for number in range(10)))

    for number, answers in enumerate(asyncio.run(everybody())):
        assert answers == sorted(b"r%d:from %d" % (respondent, number) for respondent in range(RESPONDENTS))
    running.wait_for_balance("roll")
    assert running.lane_that_goes("roll", "out")["forwarded"] == 10 * RESPONDENTS


def test_late_and_unknown_answers_are_counted_and_never_delivered(house, gateway):
    url = tcp()
    running = gateway(inward(url, "3s"))
    for _ in range(RESPONDENTS):
        start_replier(house, "roll", "--mark", "in time:")
    late = [start_replier(house, "roll", "--mark", "late:", "--delay", 5000) for _ in range(3)]
    questions, answers = house.reader("roll"), house.writer("roll.replies")
    surveyor = Connection.dial(url, SURVEYOR)

    surveyor.send(with_id(7, b"who?"))
    messages = surveyor.messages()
    for _ in range(RESPONDENTS):
        assert split_id(next(messages)) == (7, b"in time:who?")
    _, tag = questions.read()
    answers.publish(b"to nobody", tag ^ 1 << 63)

    wait_until(lambda: drops(running.lane_that_goes("roll", "out")) == {"expired": 3, "unknown": 1}, "the late ones are counted")
    running.wait_for_balance("roll")
    assert running.lane_that_goes("roll", "out")["forwarded"] == RESPONDENTS
    for process in late:
        process.terminate()
    surveyor.send(with_id(8, b"again?"))  # what comes next is an answer to this, so nothing else came
    assert split_id(next(messages)) == (8, b"in time:again?")
    surveyor.close()


def test_a_respondent_may_answer_often(house, gateway):
    url = tcp()
    gateway(inward(url))
    start_replier(house, "roll", "--times", 500, "--mark", "")
    surveyor = Connection.dial(url, SURVEYOR)
    surveyor.send(with_id(7, b"all"))
    messages = surveyor.messages()
    assert [next(messages) for _ in range(500)] == [with_id(7, b"all")] * 500
    surveyor.close()


# ---- out: a local surveyor, remote respondents -----------------------------------------------------------------------

ANSWER = """
with pynng.Respondent0(dial=sys.argv[1]) as respondent:
    while True:
        respondent.send(sys.argv[2].encode() + b":" + respondent.recv())
"""


def outward(end, timeout="20s"):
    return f"""
        [bridge.roll]
        pattern = survey
        direction = out
        {CHANNELS}
        {end}
        survey.timeout = {timeout}
        """


@pytest.mark.parametrize("scheme", ["tcp", "ipc", "ws"])
def test_a_local_surveyor_gets_the_answers_of_remote_respondents(house, gateway, pynng, scheme):
    url = url_of(house, scheme)
    running = gateway(outward(f"listen = {url}"))
    for number in range(5):
        Server(house, ANSWER, url, f"r{number}")
    running.wait_for_peers("roll", 5)
    surveyor = local_requester(house, "roll")
    for call in range(3):
        answers = surveyor.answers(surveyor.survey(b"call %d" % call, deadline=20))
        assert sorted(itertools.islice(answers, 5)) == sorted(b"r%d:call %d" % (number, call) for number in range(5))
    running.wait_for_balance("roll")
    assert running.lane_that_goes("roll", "in")["forwarded"] == 15
    assert surveyor.ignored() == 0


def test_what_remote_respondents_should_not_say_is_counted_and_never_delivered(house, gateway):
    remote = Wire(RESPONDENT)
    running = gateway(outward(f"dial = {remote.url}", "3s"))
    remote.accept()
    surveyor = local_requester(house, "roll")
    running.wait_for_peers("roll", 1)

    tag = surveyor.survey(b"who?", deadline=3.2)
    number, body = remote.receive()
    assert body == b"who?"
    remote.send(number, b"first")
    remote.send(number ^ 1 << 30, b"to nobody")
    remote.send(number, b"second")
    assert list(surveyor.answers(tag)) == [b"first", b"second"]
    remote.send(number, b"late")

    wait_until(lambda: drops(running.lane_that_goes("roll", "in")) == {"expired": 1, "unknown": 1}, "the rest is counted")
    assert running.lane_that_goes("roll", "in")["forwarded"] == 2
    assert surveyor.ignored() == 0
    remote.close()


def test_a_survey_that_nobody_is_there_for_ends_at_its_deadline(house, gateway):
    running = gateway(outward(f"listen = {tcp()}"))
    surveyor = local_requester(house, "roll")
    assert list(surveyor.answers(surveyor.survey(b"who?", deadline=0.2))) == []
    wait_until(lambda: drops(running.lane_that_goes("roll", "out")) == {"no_peer": 1}, "it is counted")


def test_a_killed_worker_costs_surveys_in_flight_and_nothing_more(house, gateway, pynng):
    """Answers to a survey from before the kill are to nobody; a survey after it has all of its own."""
    url = tcp()
    running = gateway(inward(url))
    for number in range(RESPONDENTS):
        start_replier(house, "roll", "--mark", f"r{number}:", "--delay", 100)
    with pynng.Surveyor0(dial=url, survey_time=PATIENCE_MS, reconnect_time_min=10) as surveyor:
        for call in range(3):
            running.wait_for_peers("roll", 1)
            surveyor.send(b"doomed %d" % call)
            wait_until(lambda: running.lane_that_goes("roll", "in")["forwarded"] == 2 * call + 1, "the survey is in the channel")
            worker = running.bridge("roll")["worker_pid"]
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: running.bridge("roll")["worker_pid"] not in (0, worker), "the worker is started again")
            running.wait_for_peers("roll", 1)
            surveyor.send(b"call %d" % call)
            answers = [surveyor.recv() for _ in range(RESPONDENTS)]
            assert sorted(answers) == sorted(b"r%d:call %d" % (number, call) for number in range(RESPONDENTS))
