"""The remote program of an interop test, with pynng. Its command line and its lines are those of every peer here:

    peer ROLE listen|dial URL [--topic TEXT]... [--name TEXT] [--cert FILE] [--ca FILE] [--server-name NAME]

ROLE: pub sub push pull req rep surveyor respondent bus pair0 pair1. --cert is a PEM file with certificate and key, --ca the authority
that the other end's certificate must come from. Bytes are written as hexadecimal digits, no bytes as "-".

    stdin   send BYTES      send a message; a requester or surveyor asks, and any number of questions may be open
    stdout  ready           listening, or dialling
            joined          a connection has come up
            got BYTES [N]   a message; N: it answers the Nth send, counted from 0

A rep answers "re:" and what it was asked, a respondent its name before that; both say what they got. The end of stdin ends it.
"""

import argparse
import itertools
import os
import sys
import threading

import pynng

KINDS = {
    "pub": pynng.Pub0, "sub": pynng.Sub0, "push": pynng.Push0, "pull": pynng.Pull0, "req": pynng.Req0, "rep": pynng.Rep0,
    "surveyor": pynng.Surveyor0, "respondent": pynng.Respondent0, "bus": pynng.Bus0, "pair0": pynng.Pair0, "pair1": pynng.Pair1,
}  # fmt: skip
SURVEY_MS = 20_000

printing = threading.Lock()


def say(line):
    with printing:
        print(line, flush=True)


def got(data, number=""):
    say(f"got {data.hex() or '-'} {number}".rstrip())


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=KINDS)
    parser.add_argument("mode", choices=("listen", "dial"))
    parser.add_argument("url")
    parser.add_argument("--topic", action="append", default=[])
    parser.add_argument("--name", default="")
    for option in ("--cert", "--ca", "--server-name"):
        parser.add_argument(option)
    return parser.parse_args()


def tls(told):
    if not told.cert and not told.ca:
        return {}
    listens = told.mode == "listen"
    how = {"mode": pynng.TLSConfig.MODE_SERVER if listens else pynng.TLSConfig.MODE_CLIENT}
    how["auth_mode"] = pynng.TLSConfig.AUTH_MODE_REQUIRED if told.ca else pynng.TLSConfig.AUTH_MODE_NONE
    if told.cert:
        how["cert_key_file"] = told.cert
    if told.ca:
        how["ca_files"] = [told.ca]
    if told.server_name:
        how["server_name"] = told.server_name
    return {"tls_config": pynng.TLSConfig(**how)}


def opened(told):
    how = {"recv_max_size": 1 << 20, "reconnect_time_min": 20, "reconnect_time_max": 200, **tls(told)}
    if told.role == "sub":
        how["topics"] = told.topic or [""]
    if told.role == "surveyor":
        how["survey_time"] = SURVEY_MS
    return KINDS[told.role](**how)


def received(source):
    """recv() of pynng raises at a message of no bytes; as a Message it can be had."""
    return source.recv_msg().bytes


def receive(socket):
    while True:
        got(received(socket))


def answer(socket, name):
    while True:
        question = received(socket)
        got(question)
        socket.send(name + b"re:" + question)


def ask(socket, number, question):
    """A question in a context of its own, so that others may be open at the same time."""
    with socket.new_context() as context:
        context.send(question)
        while True:
            got(received(context), number)
            if isinstance(socket, pynng.Req0):
                return


def until_closed(work, *of):
    def run():
        try:
            work(*of)
        except (pynng.Closed, pynng.Timeout, pynng.BadState):
            pass  # the end of the peer, or of a survey

    threading.Thread(target=run, daemon=True).start()


def serve(socket, told):
    if told.role in ("sub", "pull", "bus", "pair0", "pair1"):
        until_closed(receive, socket)
    if told.role in ("rep", "respondent"):
        until_closed(answer, socket, told.name.encode())
    numbers = itertools.count()
    for line in sys.stdin:
        digits = line.removeprefix("send ").strip()
        data = b"" if digits == "-" else bytes.fromhex(digits)
        if told.role in ("req", "surveyor"):
            until_closed(ask, socket, next(numbers), data)
        else:
            socket.send(data)


def main():
    told = arguments()
    with opened(told) as socket:
        socket.add_post_pipe_connect_cb(lambda pipe: say("joined"))
        if told.mode == "listen":
            socket.listen(told.url)
        else:
            socket.dial(told.url, block=False)
        say("ready")
        serve(socket, told)
    os._exit(0)  # whatever threads still wait for


main()
