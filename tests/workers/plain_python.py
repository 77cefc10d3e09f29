"""The Python example's loop with the steps of these tests: `python plain_python.py EXAMPLE_DIRECTORY QUEUE`."""

import sys

sys.path.insert(0, sys.argv[1])

import steps  # noqa: E402
import worker  # noqa: E402

worker.HANDLERS[worker.topic(sys.argv[2])] = steps.do
worker.main([sys.argv[2]])
