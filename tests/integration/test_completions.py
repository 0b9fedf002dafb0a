"""Completion in bash and zsh: what is offered is what the installed programs know."""

import os
import shutil
import subprocess

import pytest

from support import BUILD, TOP

BASH = TOP / "packaging/completions/leat.bash"
ZSH = TOP / "packaging/completions/_leat"


def offered_by_bash(house, *words):
    line = " ".join(f"'{word}'" for word in words)
    script = f"source {BASH}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _{words[0]}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return ask(house, ["bash", "--norc", "-c", script])


def offered_by_zsh(house, *words):
    """compadd is where a completion says what it offers; what does not begin with the word is then left out."""
    line = " ".join(f"'{word}'" for word in words)
    script = f"""
        compadd() {{ while [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@" }}
        _files() {{ print -l -- ${{words[CURRENT]}}*(N) }}
        LEAT_COMPLETION_TEST=1; source {ZSH}
        words=({line}); CURRENT={len(words)}; _leat
        """
    return {word for word in ask(house, ["zsh", "-f", "-c", script]) if word.startswith(words[-1])}


def ask(house, command):
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not here")
    path = f"{BUILD / 'bin'}:{os.environ['PATH']}"
    answer = subprocess.run(command, env={**house.environment, "PATH": path}, capture_output=True, text=True, timeout=60)
    assert answer.stderr == "", answer.stderr
    return set(answer.stdout.split())


@pytest.fixture(params=[offered_by_bash, offered_by_zsh], ids=["bash", "zsh"])
def offered(request, house):
    return lambda *words: request.param(house, *words)


def test_commands_are_those_that_leat_lists(house, offered):
    listed = house.run(BUILD / "bin/leat", "help").stdout.split("Commands:")[1].splitlines()
    commands = {line.split()[0] for line in listed if line.startswith("  ")}
    assert len(commands) > 8 and offered("leat", "") == commands | {"help"}
    assert offered("leat", "ch") == {"channels", "check"}


def test_options_are_those_of_the_command(offered):
    assert offered("leat", "ledger", "--") >= {"--json", "--watch", "--directory="}
    assert "--kind=" in offered("leat", "plugin", "new", "--k")
    assert offered("leatd", "--che") == {"--check"}


def test_channels_gateways_and_plugins_are_those_that_are_there(house, gateway, offered):
    house.writer("quotes")
    house.writer("orders")
    gateway(f"[bridge.one]\npattern = pubsub\ndirection = out\nchannel = shm://quotes\nlisten = {house.ipc('one')}")
    assert offered("leat", "sub", "") == {"quotes", "orders"}
    assert offered("leat", "ledger", "") == {"test"}
    assert offered("leat", "doctor", "shm://q") == {"shm://quotes"}
    assert offered("leat", "plugins", "pub") == {"pubsub"}


def test_files_are_offered_where_files_are_meant(house, offered):
    house.path("edge.ini").touch()
    assert offered("leat", "check", f"{house.folder}/ed") == {f"{house.folder}/edge.ini"}
    assert offered("leatd", "-c", f"{house.folder}/ed") == {f"{house.folder}/edge.ini"}
