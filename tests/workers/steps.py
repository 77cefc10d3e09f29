"""What every worker of these tests does, in Python: the steps of the one workflow.

A step's behaviour follows from its name and attempt alone. What must last until the test has seen something waits for a
file of that name in STEPS_DIR, and what has begun is noted there, so that nothing depends on how fast a machine is.
"""

import os
import threading
import time
from pathlib import Path

LONGEST_WAIT_S = 100
LOOK_EVERY_S = 0.05


class Flaky(Exception):
    """The failure that the workflow retries."""


def do(task):
    """Does a step: {"step", "attempt", "item"}."""
    name, attempt, item = task["step"], task["attempt"], task["item"]
    note(f"began-{name}-{attempt}-{item}")
    if name == "flaky" and attempt == 0:
        raise Flaky("the first attempt fails")
    if name in ("slow", "quiet", "long") and attempt == 0:
        wait(name)
    return {"step": name, "attempt": attempt, "item": item}


def note(name):
    """Makes the file that says so."""
    (Path(os.environ["STEPS_DIR"]) / name).touch()


def wait(name):
    """Waits for the file that the test makes."""
    until = time.monotonic() + LONGEST_WAIT_S
    pause = threading.Event()
    while not (Path(os.environ["STEPS_DIR"]) / name).exists() and time.monotonic() < until:
        pause.wait(LOOK_EVERY_S)
