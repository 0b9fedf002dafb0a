"""What is said in a cell, byte for byte, and by which end. `ends` are the bridge's channels, `peer` is the other program."""

import collections
import hashlib

from support import PATIENCE

LARGE = b"".join(hashlib.sha256(b"%d" % index).digest() for index in range(2188))[:70_000]
MESSAGES = (b"one line", b"", b"\0", bytes(range(256))[:100], LARGE, b"the last line")


def brief(messages):
    """Messages so that a failed comparison can be read."""
    return [(len(data), data[:16], hashlib.sha256(data).hexdigest()[:8]) for data in messages]


def lines_of(peer):
    return (peer.only_line,) if peer.only_line else MESSAGES


def outward(ends, peer):
    for message in MESSAGES:
        ends.writer.publish(message)
    assert brief(peer.got().data for _ in MESSAGES) == brief(MESSAGES)


def inward(ends, peer):
    lines = lines_of(peer)
    for message in lines:
        peer.send(message)
    assert brief(ends.reader.read(PATIENCE)[0] for _ in lines) == brief(lines)


def both_ways(ends, peer):
    outward(ends, peer)
    if ends.shared:
        inward_beside_own(ends, peer)
    else:
        inward(ends, peer)
    ends.writer.publish(b"nothing of that has gone back")
    assert peer.got().data == b"nothing of that has gone back"


def inward_beside_own(ends, peer):
    """Whoever reads a channel hears those who write beside the bridge too, and knows them by the tag that only they chose."""
    own, theirs, lines = [], [], lines_of(peer)
    for message in lines:
        peer.send(message)
    while len(own) < len(MESSAGES) or len(theirs) < len(lines):
        data, tag = ends.reader.read(PATIENCE)
        (theirs if tag else own).append(data)
    assert brief(own) == brief(MESSAGES)
    assert brief(theirs[: len(lines)]) == brief(lines)


def asks(ends, peer):
    """Local questions, all open at once; each answer comes back under its question's tag."""
    questions = {0xFEED_0000_0000_0000 + index: message for index, message in enumerate(MESSAGES)}
    for tag, question in questions.items():
        ends.writer.publish(question, tag)
    assert brief(peer.got().data for _ in questions) == brief(questions.values())
    answers = {tag: answer for answer, tag in (ends.reader.read(PATIENCE) for _ in questions)}
    assert sorted(answers) == sorted(questions)
    assert brief(answers[tag] for tag in questions) == brief(map(peer.answer_to, questions.values()))


def is_asked(ends, peer, answers=(b"re:",)):
    """Remote questions, all open at once and answered in the opposite order, each as often as there are `answers`."""
    lines = lines_of(peer)
    for message in lines:
        peer.send(message)
    questions = [ends.reader.read(PATIENCE) for _ in lines]
    assert sorted(brief(question for question, _ in questions)) == sorted(brief(lines))
    assert len({tag for _, tag in questions}) == len(lines)
    for question, tag in reversed(questions):
        for answer in answers:
            ends.writer.publish(answer + question, tag)
    received = collections.defaultdict(list)
    for _ in range(len(lines) * len(answers)):
        data, number = peer.got()
        received[number or 0].append(data)
    for number, question in enumerate(lines):
        assert brief(received[number]) == brief(answer + question for answer in answers)


def is_surveyed(ends, peer):
    is_asked(ends, peer, answers=(b"first:", b"second:"))


BY_ROW = {
    "pubsub-out": outward, "pubsub-in": inward, "pipeline-out": outward, "pipeline-in": inward, "reqrep-out": asks,
    "reqrep-in": is_asked, "survey-out": asks, "survey-in": is_surveyed, "bus": both_ways, "pair0": both_ways,
    "pair1": both_ways,
}  # fmt: skip
