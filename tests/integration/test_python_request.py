"""leat for Python: questions, answers, surveys."""

import json
import subprocess
import threading

import pytest

from python_package import leat
from support import BUILD, PATIENCE


@pytest.fixture
def ends(house):
    with leat.Replier("q", "a", directory=house.shm) as replier, leat.Requester("q", "a", directory=house.shm) as requester:
        yield requester, replier


def answer(replier, count, how):
    """A thread that answers that many questions: how(replier, question)."""

    def run():
        for _ in range(count):
            how(replier, replier.next(PATIENCE))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def echo(replier, question):
    replier.reply(question, question.data[::-1])


def test_a_question_is_answered(ends):
    requester, replier = ends
    thread = answer(replier, 3, echo)
    for text in (b"abc", b"", b"x" * 500_000):  # larger than the replier's first buffer, too
        assert requester.request(text, PATIENCE).data == text[::-1]
    thread.join()
    assert requester.ignored == 0


def test_a_question_without_an_answer_ends_with_its_limit(ends):
    requester, replier = ends
    for seconds in (0, 0.02, 0.25):
        with pytest.raises(leat.TimedOut):
            requester.request(b"?", seconds)
    with pytest.raises(ValueError, match="time limit"):
        requester.request(b"?", None)
    with pytest.raises(leat.TooBig):
        requester.request(b"x" * (3 << 20), 1)


def test_questions_may_be_open_together_and_answered_in_any_order(ends):
    requester, replier = ends
    tags = [requester.send(b"%d" % number, PATIENCE) for number in range(5)]
    assert len(set(tags)) == 5
    for question in reversed([replier.next(PATIENCE) for _ in range(5)]):
        replier.reply(question.tag, question.data)
    assert [requester.receive(PATIENCE).tag for _ in range(5)] == tags[::-1]
    assert requester.receive(0.01) is None
    late = requester.send(b"late", 0.01)
    with pytest.raises(leat.TimedOut) as caught:
        requester.receive(PATIENCE)
    assert caught.value.tag == late
    forgotten = requester.send(b"never mind", PATIENCE)
    requester.forget(forgotten)
    replier.next(PATIENCE)
    replier.reply(forgotten, b"too late")
    assert requester.receive(0.05) is None and requester.ignored == 1


def test_a_survey_takes_every_answer_until_its_deadline(ends):
    requester, replier = ends

    def twice(replier, question):
        replier.reply(question, b"1")
        replier.reply(question, b"2")

    thread = answer(replier, 2, twice)
    assert [message.data for message in requester.survey(b"who is there?", 0.3)] == [b"1", b"2"]
    first = next(requester.survey(b"the first will do", PATIENCE))  # and the rest is forgotten
    assert first.data == b"1"
    thread.join()


def test_a_replier_answers_the_requester_in_c(house):
    replier = leat.Replier("c", "d", directory=house.shm)
    asker = house.start(BUILD / "bin/requester", "c", "d", "--name", "n", "--count", 20, stdout=subprocess.PIPE)
    assert asker.stdout.readline() == "ready\n"
    thread = answer(replier, 20, lambda replier, question: replier.reply(question, b"re:" + question.data))
    assert json.loads(asker.communicate(timeout=PATIENCE)[0])["answered"] == 20
    thread.join()


def test_iteration_ends_when_another_thread_closes_the_replier(ends):
    requester, replier = ends
    threading.Timer(0.05, replier.close).start()
    assert list(replier) == []
    with pytest.raises(ValueError, match="closed"):
        replier.next(0)
