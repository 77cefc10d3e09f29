"""Waiting for something to become true, with a deadline; nothing in the tests waits for time to pass otherwise."""

import threading
import time

# Between two looks; short beside every deadline, long beside what a look costs.
LOOK_EVERY_S = 0.02


class TimedOut(AssertionError):
    """What was waited for did not come; the message says what it was and what was seen last."""


def until(what, look, timeout_s=20.0, every_s=LOOK_EVERY_S):
    """Calls `look` until it returns something true, and returns that.

    An exception of `look` counts as "not yet" and is shown if the deadline passes. `what` completes the sentence
    "waited for ...".
    """
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    seen = None
    while True:
        try:
            seen = look()
            if seen:
                return seen
        except Exception as not_yet:  # a server that is starting refuses connections, answers 503, and so on
            seen = repr(not_yet)
        if time.monotonic() >= deadline:
            raise TimedOut(f"waited {timeout_s:g} s for {what}; last seen: {str(seen)[:2000]}")
        pause.wait(every_s)
