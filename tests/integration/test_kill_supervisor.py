"""The supervisor killed under load and started again, as a service manager would: no worker is left behind, and the bridge is
back at its durable cursor."""

import os
import signal

from killing import Load, assert_back_within_a_second, kill_under_load, report

TIMES = int(os.environ.get("LEAT_KILLS", "200"))


def test_a_killed_supervisor_started_again_loses_nothing(house, gateway):
    load = Load(house, "stream")
    running = gateway(load.section())

    def kill_and_start_again():
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        running.start(wait=False)

    away = kill_under_load(load, kill_and_start_again, TIMES)

    report("supervisor killed and started again", away)
    sent, again = load.finish()
    print(f"{sent} messages, none lost, {again} came again")
    [lane] = running.wait_for_balance("stream")
    assert lane["forwarded"] + lane["returned"] >= sent
    assert running.stop() == 0
    assert_back_within_a_second(away)
