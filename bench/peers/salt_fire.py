"""Sends events from a loaded minion and takes the time until the reaction has written a file; prints milliseconds as JSON."""

import json
import os
import sys
import time

import salt.client
import salt.config

PATIENCE_S = 120


def wait_for(mark, began):
    while not os.path.exists(mark):
        if time.monotonic() - began > PATIENCE_S:
            sys.exit("no reaction within %d s" % PATIENCE_S)
        time.sleep(0.0005)


def fire(caller, mark):
    if os.path.exists(mark):
        os.remove(mark)
    began = time.monotonic()
    if not caller.cmd("event.send", "bench/notify"):
        sys.exit("the event was not sent")
    wait_for(mark, began)
    took = (time.monotonic() - began) * 1000
    time.sleep(0.5)  # the state run ends after its file is written, and two do not run at once
    return took


def first(caller, mark):
    """Until master and minion know each other, events lead to nothing."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if caller.cmd("event.send", "bench/notify"):
            for _ in range(50):
                if os.path.exists(mark):
                    return time.sleep(1)
                time.sleep(0.1)
    sys.exit("master and minion did not meet within %d s" % PATIENCE_S)


def main(config, mark, count):
    opts = salt.config.minion_config(config)
    opts["file_client"] = "remote"
    caller = salt.client.Caller(mopts=opts)
    first(caller, mark)
    for _ in range(3):
        fire(caller, mark)
    print(json.dumps([fire(caller, mark) for _ in range(count)]))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
