"""Nodes that share a broker as they should, on many partitions, and as they should not, under one name."""

from machines import create, passing, start_surely

from support.baton import Baton
from support.clients import execution_arn, history, kinds, stepfunctions, wait_closed
from support.wait import until

MANY = 32


def run_all(clients, machine, name, count):
    """Starts executions through these nodes in turn, however often a start must be tried; each ends well, once."""
    for number in range(count):
        client, one = clients[number % len(clients)], f"{name}-{number}"
        until(f"the start of {one}", lambda: start_surely(client, machine, one), 60)
    for number in range(count):
        arn = execution_arn(machine.rsplit(":", 1)[1], f"{name}-{number}")
        client = clients[number % len(clients)]
        until(f"{arn} by any node", lambda: wait_closed(client, arn, 5)["status"] == "SUCCEEDED", 60)
        events = until(f"the history of {arn}", lambda: history(client, arn), 60)
        assert kinds(events).count("ExecutionStarted") == kinds(events).count("ExecutionSucceeded") == 1


def owned(node):
    """How many partitions a node serves."""
    line = next(line for line in node.get("/metrics").splitlines() if line.startswith("baton_owned_partitions "))
    return int(float(line.split()[1]))


def test_thirty_two_partitions_are_shared_and_taken_over(own, name):
    first = own(node="first", partitions=MANY).start()
    client = stepfunctions(first.url)
    machine = create(client, "m", passing())
    assert owned(first) == MANY
    run_all([client], machine, "alone", MANY)
    second = own(node="second", partitions=MANY).start()
    until("both to serve half of it", lambda: owned(first) == owned(second) == MANY // 2, 30)
    both = [client, stepfunctions(second.url)]
    run_all(both, machine, "shared", MANY)
    first.kill()
    until("the other to serve all of it", lambda: owned(second) == MANY, 60)
    run_all(both[1:], machine, "taken", MANY)
    # What ran on the node that is gone is told by the one that is there.
    assert wait_closed(both[1], execution_arn("m", "alone-0"))["status"] == "SUCCEEDED"


def test_two_processes_with_one_name_lose_nothing_and_say_so(own, kafka, directory, name):
    first = own(node="twin").start()
    client = stepfunctions(first.url)
    machine = create(client, "m", passing())
    run_all([client], machine, "before", 4)
    second = Baton(directory / f"{name}-other", kafka.address, partitions=2, node="twin", prefix=f"{name}.")
    second.process.start()
    try:
        second.wait_live()
        both = [client, stepfunctions(second.url)]
        mended = "another process has joined under this node's name: give each node a name of its own"
        until("one to say what is wrong", lambda: any(mended in node.process.read() for node in (first, second)), 60)
        run_all(both, machine, "during", 4)
    finally:
        second.kill()
    first.wait_ready(60)
    run_all([client], machine, "after", 4)
