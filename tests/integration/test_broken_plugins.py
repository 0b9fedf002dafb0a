"""A broken plugin is refused with a sentence, and takes nothing with it: leatd ends with 78, the checker's crash included."""

import re

import pytest

from support import BUILD, LEATD

BROKEN = BUILD / "broken-plugins"


def names():
    return sorted(file.stem for file in BROKEN.glob("*.so")) or ["(none were built)"]


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("arguments", [["--check"], []], ids=["check", "start"])
def test_a_broken_plugin_is_refused_with_a_sentence(house, name, arguments):
    configuration = house.path("broken.ini")
    configuration.write_text(
        f"[gateway]\nname = broken\nplugin_dir = {BROKEN}\n[bridge.one]\npattern = {name}\ndirection = out\n"
        "channel = shm://one\nlisten = tcp://127.0.0.1:1\n"
    )
    answer = house.run(LEATD, *arguments, "-c", configuration)
    assert answer.returncode == 78, answer.stderr
    [line] = [line for line in answer.stderr.splitlines() if line.startswith(f"{configuration}:") and name in line]
    assert re.match(rf"{re.escape(str(configuration))}:\d+: \S.{{20,}}", line)
    assert not list(house.shm.glob("leat*")), "something was started"
