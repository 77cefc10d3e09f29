"""The example workers as processes: they are what a user would run, so the tests run them as a user would."""

import sys

from support.paths import EXAMPLES, RELEASE
from support.process import Process


def echo(directory, kafka, queue, runs=None, instance=None):
    """Rust: returns its input. Each run of its handler adds the task's token to the file `runs`, if given.

    A worker with an `instance` name has its partitions back at once when it is started again.
    """
    environment = {"BATON_KAFKA": kafka, **({"BATON_ECHO_LOG": str(runs)} if runs else {})}
    named = ["--instance", instance] if instance else []
    return Process("echo worker", [RELEASE / "echo", *named, queue], directory / "echo.log", environment)


def images_in_rust(directory, kafka, *queues):
    """Rust: the image pipeline's queues, or those named."""
    return Process("Rust worker", [RELEASE / "image-worker", *queues], directory / "image-worker.log", {"BATON_KAFKA": kafka})


def images_in_python(directory, kafka, *queues):
    """Python, without any library of ours: the queues `image-metadata` and `notify`, or those named."""
    command = [sys.executable, "-u", EXAMPLES / "python" / "worker.py", *queues]
    return Process("Python worker", command, directory / "python-worker.log", {"BATON_KAFKA": kafka})
