"""A group member as a process, to be killed: `python -m broker.member ADDRESS GROUP TOPIC STRATEGY`."""

import sys

from broker.clients import consumer


def main():
    """Polls until it is killed."""
    address, group, topic, strategy = sys.argv[1:]
    reader = consumer(address, group, **{"partition.assignment.strategy": strategy})
    reader.subscribe([topic])
    while True:
        reader.poll(1)


if __name__ == "__main__":
    main()
