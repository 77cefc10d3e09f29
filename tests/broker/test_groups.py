"""Consumer groups through librdkafka: sharing, both kinds of rebalance, eviction, offsets over restarts."""

import signal
import sys
import time

import pytest
from confluent_kafka import TopicPartition

from broker.clients import SESSION_MS, Member, consumer, read, send
from support.process import Process
from support.wait import until

PARTITIONS = 4
STRATEGIES = ["range", "cooperative-sticky"]


def shared(*members):
    """Whether the members have all partitions, each one half of them."""
    parts = [member.held for member in members]
    return set().union(*parts) == set(range(PARTITIONS)) and all(len(part) == PARTITIONS // len(members) for part in parts)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_members_share_and_take_over(broker, unique, strategy):
    topic, group = unique("topic"), unique("group")
    broker.create_topic(topic, partitions=PARTITIONS)
    first = Member(broker.address, group, [topic], strategy)
    until("all partitions for the first member", lambda: shared(first))
    second = Member(broker.address, group, [topic], strategy)
    until("half of the partitions for each", lambda: shared(first, second))
    send(broker.address, topic, [{"value": b"v", "partition": n % PARTITIONS} for n in range(400)])
    until("every record, once", lambda: len(first.records) + len(second.records) == 400)
    assert {partition for partition, _ in first.records}.isdisjoint({partition for partition, _ in second.records})
    second.leave()
    until("all partitions for the first member again", lambda: shared(first))
    first.leave()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_killed_member_is_evicted_within_its_session_timeout(broker, unique, directory, strategy):
    topic, group = unique("topic"), unique("group")
    broker.create_topic(topic, partitions=PARTITIONS)
    command = [sys.executable, "-m", "broker.member", broker.address, group, topic, strategy]
    victim = Process("group member", command, directory / f"{unique('member')}.log").start()
    survivor = Member(broker.address, group, [topic], strategy)
    until("half of the partitions for each", lambda: len(survivor.held) == PARTITIONS // 2)
    victim.signal(signal.SIGKILL)
    killed = time.monotonic()
    until("all partitions for the survivor", lambda: shared(survivor))
    # Its heartbeats (200 ms) and one rebalance come on top of the session.
    assert time.monotonic() - killed < SESSION_MS / 1000 + 3
    victim.wait(5)
    survivor.leave()


def test_a_static_member_is_back_without_a_rebalance(broker, unique):
    topic, group = unique("topic"), unique("group")
    broker.create_topic(topic, partitions=PARTITIONS)
    settings = {"session.timeout.ms": 30_000}
    first = Member(broker.address, group, [topic], "range", **{**settings, "group.instance.id": "one"})
    second = Member(broker.address, group, [topic], "range", **{**settings, "group.instance.id": "two"})
    until("half of the partitions for each", lambda: shared(first, second))
    # A static member does not leave the group when it closes.
    mine = first.held
    first.leave()
    before = second.revocations
    back = Member(broker.address, group, [topic], "range", **{**settings, "group.instance.id": "one"})
    until("the same partitions again", lambda: back.held == mine, timeout_s=10)
    assert second.revocations == before, "the other member did not notice"
    back.leave()
    second.leave()


def test_offsets_are_kept_over_kill_and_restart(own_broker, unique):
    topic, group = unique("topic"), unique("group")
    own_broker.create_topic(topic)
    send(own_broker.address, topic, [{"value": b"%d" % n} for n in range(10)])
    reader = consumer(own_broker.address, group)
    reader.subscribe([topic])
    assert [record.offset() for record in read(reader, 4)] == [0, 1, 2, 3]
    reader.commit(offsets=[TopicPartition(topic, 0, 4, metadata="note")], asynchronous=False)
    own_broker.kill()
    own_broker.restart()
    # The same consumer finds its way back: it joins again and goes on from what it had committed.
    seen = set()

    def committed_the_rest():
        message = reader.poll(0.1)
        if message is not None and message.error() is None:
            seen.add(message.offset())
        if 9 not in seen:
            return False
        reader.commit(offsets=[TopicPartition(topic, 0, 10)], asynchronous=False)
        return True

    until("a commit after the restart", committed_the_rest, every_s=0)
    assert seen == {4, 5, 6, 7, 8, 9}
    reader.close()
    own_broker.stop()
    own_broker.restart()
    other = consumer(own_broker.address, group)
    committed = other.committed([TopicPartition(topic, 0)], timeout=10)
    assert committed[0].offset == 10
    other.close()


def test_groups_are_listed_and_described(broker, unique):
    topic, group = unique("topic"), unique("group")
    broker.create_topic(topic, partitions=PARTITIONS)
    member = Member(broker.address, group, [topic], "range")
    until("all partitions for the member", lambda: shared(member))
    listed = broker.admin.list_consumer_groups().result(10).valid
    assert group in [one.group_id for one in listed]
    described = broker.admin.describe_consumer_groups([group])[group].result(10)
    assert described.state.name == "STABLE"
    assert [len(one.assignment.topic_partitions) for one in described.members] == [PARTITIONS]
    member.leave()
    broker.admin.delete_consumer_groups([group])


def test_members_that_come_and_go_at_once_settle(broker, unique):
    topic, group = unique("topic"), unique("group")
    broker.create_topic(topic, partitions=PARTITIONS)
    members = [Member(broker.address, group, [topic], "range") for _ in range(PARTITIONS)]
    until("one partition each", lambda: shared(*members))
    for member in members[1:]:
        member.leave()
    until("all partitions for the last", lambda: shared(members[0]))
    members[0].leave()
