"""The examples of the application SDK in C and C++ (sdk/examples), run as their first lines say."""

import subprocess

import pytest

from support import BUILD

COUNT = 20


def example(name):
    return BUILD / f"bin/example_{name}"


def started(house, name, *arguments):
    process = house.start(example(name), *arguments, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    return process


def printed(process):
    said = process.communicate(timeout=20)[0].splitlines()
    assert process.returncode == 0, said
    return said


def test_readings_are_tailed(house):
    tail = started(house, "tail", "meter", COUNT)
    assert house.run(example("meter"), "meter", COUNT).returncode == 0
    assert printed(tail) == [f"{n} reading {n}: {20 + n / 10:.1f}" for n in range(COUNT)]


def test_quotes_arrive_as_they_were(house):
    house.writer("quotes")
    consumer = started(house, "quotes", "consume", "quotes", COUNT)
    assert house.run(example("quotes"), "produce", "quotes", COUNT).returncode == 0
    assert printed(consumer) == [f"{n} as it was" for n in range(COUNT)]


def test_orders_are_answered(house):
    answering = started(house, "orders", "answer", "orders", COUNT)
    asking = house.start(example("orders"), "ask", "orders", COUNT, stdout=subprocess.PIPE)
    assert printed(asking) == [f"confirmed: order {n}" for n in range(COUNT)]
    assert printed(answering) == []


def test_everybody_is_asked(house):
    answering = [started(house, "orders", "answer", "orders", 1) for _ in range(3)]
    asking = house.start(example("orders"), "survey", "orders", stdout=subprocess.PIPE)
    assert printed(asking) == ["confirmed: who is there?"] * 3
    assert all(printed(process) == [] for process in answering)


@pytest.mark.parametrize("words", [["tail"], ["meter", "c"], ["quotes", "c", 1], ["quotes", "prodcue", "c", 1], ["orders", "aks", "c", 1]])
def test_a_mistyped_command_is_told_how(house, words):
    refused = house.run(example(words[0]), *words[1:])
    assert (refused.returncode, refused.stdout) == (64, "")
    assert refused.stderr.startswith(f"usage: {words[0]} ")


@pytest.mark.parametrize("name", ["tail", "quotes", "orders"])
def test_a_channel_that_cannot_be_opened_is_one_sentence(house, name):
    arguments = {"tail": ["no/name"], "quotes": ["consume", "no/name", 1], "orders": ["ask", "no/name", 1]}[name]
    refused = house.run(example(name), *arguments)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"{name}: ") and refused.stderr.count("\n") == 1
