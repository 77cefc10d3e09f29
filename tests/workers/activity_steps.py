"""The activity example's loop with the steps of these tests: `python activity_steps.py EXAMPLE_DIRECTORY ENDPOINT ARN`."""

import sys

sys.path.insert(0, sys.argv[1])

import activity  # noqa: E402
import steps  # noqa: E402

activity.work(sys.argv[2], sys.argv[3], steps.do, 0.5)
