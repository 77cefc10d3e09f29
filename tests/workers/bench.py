"""The worker library beside a bare rdkafka echo worker on the same queue, as a ratio: `./tests/run bench worker [--full]`."""

import re
import shutil
import subprocess
import sys

from support.kafka import Kafka
from support.paths import RELEASE, RESULTS

RATIO_MINIMUM = 0.8
SHORT = (100_000, 3)
FULL = (600_000, 5)


def main():
    """Fills a queue, runs both, and says whether the library keeps up."""
    tasks, rounds = FULL if "--full" in sys.argv[1:] else SHORT
    directory = RESULTS / "worker-bench"
    shutil.rmtree(directory, ignore_errors=True)
    kafka = Kafka(directory / "kafka").start()
    try:
        for topic, partitions in (("baton.commands.echo", 4), ("baton.completions", 1), ("baton.control", 1)):
            kafka.create_topic(topic, partitions)
        command = [RELEASE / "worker-bench", kafka.address, str(tasks), str(rounds)]
        said = subprocess.run(command, capture_output=True, text=True)
    finally:
        kafka.kill()
    print(said.stdout + said.stderr)
    ratio = re.search(r"median ratio ([0-9.]+)", said.stdout)
    if said.returncode != 0 or ratio is None:
        print("0 passed, 1 failed")
        return 1
    good = float(ratio[1]) >= RATIO_MINIMUM
    print(f"{tasks} tasks, {rounds} rounds: ratio {ratio[1]}, at least {RATIO_MINIMUM} is wanted")
    print("1 passed, 0 failed" if good else "0 passed, 1 failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
