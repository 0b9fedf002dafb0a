"""`leat plugin test` finds what is wrong with each broken plugin and says so in one line, and finds nothing wrong with a sound one."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

BUILD = pathlib.Path(os.environ["LEAT_BUILD"])
LEAT = BUILD / "bin/leat"
REFUSED = BUILD / "broken-plugins"  # when they are loaded
MISBEHAVING = BUILD / "misbehaving-plugins"  # later
SANITIZED = "LEAT_SANITIZE" in os.environ

EXPORTS = "it exports leat_plugin_v1 and nothing else"
LOADS = "it can be loaded"
TABLE = "its table is one that the gateway takes"
STARTS = "it starts and stops, and leaves nothing behind"
SILENT = "it prints nothing: its log goes through the host"
OFTEN = "it starts and stops 1,000 times without a leak"

# Plugin, the test that finds it, and what it says.
FOUND = [
    (REFUSED, "crash", LOADS, "it crashed with SIGSEGV in its constructor"),
    (REFUSED, "no-symbol", EXPORTS, "it does not export leat_plugin_v1"),
    (REFUSED, "not-elf", EXPORTS, "it is no ELF file"),
    (REFUSED, "undefined-symbol", LOADS,
     f"it cannot be loaded: {REFUSED}/undefined-symbol.so: undefined symbol: nobody_provides_this"),
    (REFUSED, "too-new", TABLE, "plugin too-new.so needs interface minor 3, this gateway has *"),
    (REFUSED, "too-small", TABLE,
     "plugin too-small.so has a table of 16 bytes; the least that works is 96: it was built against something else"),
    (REFUSED, "small-ops", TABLE, "plugin small-ops.so has a table of pattern functions of 24 bytes; the least that works is 72: "
     "it was built against something else"),
    (REFUSED, "unknown-kind", TABLE,
     "plugin unknown-kind.so is of kind 7, which this gateway does not know (1 channel, 2 pattern, 3 transport)"),
    (REFUSED, "wrong-kind", TABLE,
     "plugin wrong-kind.so says that it is a transport but has no table of transport functions"),
    (REFUSED, "missing-slot", TABLE, "plugin missing-slot.so has no 'socket', which every pattern plugin needs"),
    (REFUSED, "missing-slots", TABLE, "plugin missing-slots.so has no 'create', 'socket', which every pattern plugin needs"),
    (REFUSED, "bad-name", TABLE, "plugin bad-name.so has an option 'One'; a name is made of a to z, 0 to 9, '_', '-' and '.'"),
    (REFUSED, "bad-count", TABLE,
     "plugin bad-count.so has 1 bytes as the size of row 1 of its options, and 64 before: is option_count, 2, right?"),
    (REFUSED, "other-name", TABLE,
     "plugin other-name.so calls itself 'pubsub'; the file's name and the plugin's must be the same"),
    (REFUSED, "bad-default", TABLE,
     "plugin bad-default.so has a wrong default, pause = 5: a duration needs a unit; write 5ms, 5s or 5m"),
    (REFUSED, "bad-row", TABLE, "plugin bad-row.so has an option 'two' that lies outside of its options struct"),
    (MISBEHAVING, "hang-load", LOADS, "its constructor did not return within 6 s"),
    (MISBEHAVING, "refuses", STARTS, "a start direction = out, 1 channel returned -EIO; expected 0 (it said: not today)"),
    (MISBEHAVING, "two-symbols", EXPORTS,
     "it exports helper too; expected leat_plugin_v1 alone (compile with -fvisibility=hidden)"),
    (MISBEHAVING, "unlinked", "it needs only the libraries that it was linked with",
     "it uses leat_strerror, which it was not linked with and another program need not have (link with -Wl,-z,defs)"),
    (MISBEHAVING, "unbounded", "it survives the extremes of each option",
     "it crashed with SIGSEGV in create, with slots = -9223372036854775807"),
    (MISBEHAVING, "impure", "check() opens, creates and starts nothing",
     "check() must leave nothing behind; it left the file checked"),
    (MISBEHAVING, "blames-others", "its defaults are accepted",
     "check() blamed 'colour', which is neither one of its options nor channel, reply_channel, listen or dial"),
    (MISBEHAVING, "hangs", STARTS, "reader_open did not return within 6 s, with a start to read"),
    (MISBEHAVING, "never-ends", STARTS, "reader_close did not return within 6 s, with a start to read"),
    (MISBEHAVING, "keeps-open", OFTEN, "starting and stopping 1,000 times must leave nothing behind; it left the descriptor *"),
    (MISBEHAVING, "keeps-mapped", OFTEN, "starting and stopping 1,000 times must give back its memory; each time 1 mappings more stay"),
    (MISBEHAVING, "leaks", OFTEN, "starting and stopping 1,000 times must give back its memory; each time * bytes more stay in use"),
    (MISBEHAVING, "prints", SILENT,
     "it printed 'hello from the plugin' (in 'it starts and stops, and leaves nothing behind')"),
    (MISBEHAVING, "trusts-memory", "a stream without memory loses nothing silently", "it crashed with SIGSEGV in * claim"),
    (MISBEHAVING, "oversleeps", "borrow returns within its timeout", "borrow with a timeout of 50 ms must return by then; it took * ms"),
    (MISBEHAVING, "oversleeps-alone", "borrow returns within its timeout", "borrow with a timeout of 0 ms must return by then; it took * ms"),
    (MISBEHAVING, "loses", "a stream arrives whole and in order",
     "20000 messages were committed; 19980 were read and 0 reported lost, 20 are unaccounted for"),
    (MISBEHAVING, "wrong-reason", "the hooks answer any message with a known reason",
     "outward returned 99; expected one of enum leat_reason, 0 to 13"),
    (MISBEHAVING, "holds-too-soon", "the hooks answer any message with a known reason",
     "outward returned LEAT_HOLD, which only outward may, in a plugin with needs_minor = 1 or more"),
    (MISBEHAVING, "skips-too-much", "the hooks take empty and large messages", "inward() skips 4 bytes of a packet of 0"),
    (MISBEHAVING, "scribbles", "the hooks answer any message with a known reason",
     "it crashed with SIGSEGV in inward, with direction = out, 1 channel"),
    (MISBEHAVING, "completes-twice", "each role carries messages",
     "sent() came for slot 7, which was not submitted or has completed already"),
    (MISBEHAVING, "never-completes", "what is pending completes once when the socket closes",
     "close() returned, and a send in slot 0 (pusher) never completed; expected -ECANCELED"),
]
SOUND = ["healthy", "loopback", "queue"]


def run(*arguments):
    environment = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "ASAN_OPTIONS")}
    return subprocess.run([LEAT, "plugin", "test", *arguments], capture_output=True, text=True, timeout=120, env=environment)


def lines(answer, beginning):
    return [line for line in answer.stdout.splitlines() if line.startswith(beginning)]


def pattern_of(test, expected):
    """Of a whole line; a * stands for what is another each time."""
    return rf"not ok \d+ - {re.escape(test)}: {re.escape(expected)}".replace(r"\*", ".+")


@pytest.mark.parametrize("folder, name, test, expected", FOUND, ids=[row[1] for row in FOUND])
def test_what_is_wrong_is_found_and_said(folder, name, test, expected):
    only = [] if test == SILENT else ["--only", test]
    answer = run(*only, folder / f"{name}.so")
    assert answer.returncode == 1, answer.stdout + answer.stderr
    line = lines(answer, "not ok ")[0]
    if SANITIZED:  # which finds it first, in its own words
        expected = "*"
    assert re.fullmatch(pattern_of(test, expected), line), line


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_found_where_nothing_is_wrong(name):
    answer = run(MISBEHAVING / f"{name}.so")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    planned = int(re.search(r"^1\.\.(\d+)$", answer.stdout, re.MULTILINE).group(1))
    assert [int(line.split()[1]) for line in lines(answer, "ok ")] == list(range(1, planned + 1))


def test_what_cannot_be_tried_any_more_is_passed_over():
    answer = run(REFUSED / "crash.so")
    assert lines(answer, "not ok ")[0].startswith("not ok 2 - it can be loaded: ")
    assert "ok 7 - being loaded opens and starts nothing # SKIP not tried, as 'it can be loaded' failed" in answer.stdout


def test_json_says_the_same():
    answer = run("--json", MISBEHAVING / "impure.so")
    found = json.loads(answer.stdout)
    [failed] = [test for test in found["tests"] if test["verdict"] == "failed"]
    assert failed["reason"] == "check() must leave nothing behind; it left the file checked"
    assert (found["failed"], found["ok"] + found["failed"] + found["skipped"]) == (1, len(found["tests"]))


def test_no_plugin_and_no_such_test_are_errors():
    assert run("/nowhere/plugin.so").returncode == 66
    answer = run("--only", "no such test", MISBEHAVING / "healthy.so")
    assert answer.returncode == 1 and "no test was run" in answer.stderr


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM], ids=lambda name: name.name)
def test_an_interrupt_ends_it_and_leaves_nothing(tmp_path, name):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [LEAT, "plugin", "test", "--only", STARTS, MISBEHAVING / "hangs.so"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "TAP version 13\n"
        while not list(tmp_path.iterdir()):  # it is at a test, which hangs for 6 s
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(name)
        began = time.monotonic()
        output, errors = process.communicate()
    assert time.monotonic() - began < 4 and process.returncode == 1, output
    assert "Bail out! interrupted" in output
    assert not list(tmp_path.iterdir())


def test_nothing_of_a_test_is_left_in_shared_memory_or_in_the_temporary_folder(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([LEAT, "plugin", "test", BUILD / "plugins/shm.so", "--only", "written"], env=environment, check=True)
    assert not list(tmp_path.iterdir())
    assert not list(pathlib.Path("/dev/shm").glob("*leat-plugin-*"))
