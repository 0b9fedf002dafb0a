"""Shared memory that is full: a sentence that says so at creation, and nothing left behind."""

import os

import pytest

from support import LEAT, LEATD, tcp

NAMESPACE = ["unshare", "--mount", "--map-root-user"] if os.getuid() else ["unshare", "--mount"]


def in_small_memory(house, script):
    """Runs a shell script with LEAT_SHM_DIR on a tmpfs of 1 MiB, in a mount namespace of its own."""
    folder = house.path("small")
    folder.mkdir()
    house.environment["LEAT_SHM_DIR"] = str(folder)
    mounted = f"mount -t tmpfs -o size=1m,mode=700 tmpfs {folder} || exit 99\n{script}"
    answer = house.run(*NAMESPACE, "sh", "-c", mounted)
    if answer.returncode == 99 or "unshare" in answer.stderr:
        pytest.skip(f"no tmpfs can be mounted here: {answer.stderr.strip()}")
    return answer


def test_a_producer_is_told_and_leaves_nothing(house):
    answer = in_small_memory(house, f"{LEAT} pub big --capacity 4MiB hello; echo status $?; ls -A $LEAT_SHM_DIR")
    assert "No space left" in answer.stderr and "big" in answer.stderr, answer.stderr
    assert answer.stdout == "status 1\n"


def test_a_bridge_that_cannot_make_its_channel_says_why_and_leaves_no_channel(house):
    configuration = house.path("small.ini")
    configuration.write_text(
        "[gateway]\nname = small\n[bridge.big]\npattern = pipeline\ndirection = in\nchannel = shm://big\n"
        f"listen = ipc://{house.shm}/small\nshm.capacity = 64MiB\n"
    )
    # The page has room, the channel has not.
    script = f"""
        {LEATD} -c {configuration} 2>log & gateway=$!
        for turn in $(seq 100); do grep -q 'No space left' log && break; sleep 0.1; done
        kill $gateway; wait $gateway; cat log; ls -A $LEAT_SHM_DIR
        """
    answer = in_small_memory(house, f"cd {house.folder}\n{script}")
    assert "No space left" in answer.stdout and "big" in answer.stdout, answer.stdout + answer.stderr
    assert "leat.big" not in answer.stdout.splitlines()


def quiet_configuration(house):
    configuration = house.path("quiet.ini")
    configuration.write_text(
        "[gateway]\nname = quiet\n[bridge.one]\npattern = pubsub\ndirection = out\nchannel = shm://one\n"
        f"listen = {tcp()}\n"
    )
    return configuration


def test_a_gateway_without_room_for_its_page_says_so_and_leaves_nothing(house):
    script = f"""
        head -c 2M /dev/zero >$LEAT_SHM_DIR/filler 2>/dev/null
        {LEATD} -c {quiet_configuration(house)}; echo status $?; ls -A $LEAT_SHM_DIR
        """
    answer = in_small_memory(house, script)
    assert answer.stdout == "status 71\nfiller\n", answer.stdout + answer.stderr
    assert f"no room in the shared-memory folder {house.path('small')}" in answer.stderr


def test_a_folder_that_is_not_there_is_named(house):
    house.environment["LEAT_SHM_DIR"] = "/nosuch"
    answer = house.run(LEATD, "-c", quiet_configuration(house))
    assert answer.returncode == 71
    assert "/nosuch" in answer.stderr and "No such file" in answer.stderr
