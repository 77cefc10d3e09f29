"""Kafka's Java client 4.1, kafkajs and rdkafka: what the programs in java/, kafkajs/ and rdkafka/ say of each check."""

import pytest

from broker.programs import Kafkajs, Rdkafka, outcomes

ALL = ["everyCodec", "recordParts", "seekAndTimes", "idempotentProducer", "deleteRecords", "transactionsAreRefused"]
BOTH = [*ALL, "killedMemberIsEvicted", "compaction", "retention"]
# kafkajs has neither of Kafka's assignors, nor static members, nor the new protocol.
CHECKS = {
    "java": [*BOTH, "rangeMembersShare", "cooperativeMembersShare", "killedCooperativeMemberIsEvicted", "staticMemberIsBack",
             "newGroupProtocolIsRefused", "replicasAreRefused"],
    "kafkajs": [*BOTH, "twoMembersShare"],
    # The rest is librdkafka's, and tested through confluent-kafka.
    "rdkafka": [*ALL, "rangeMembersShare", "cooperative-stickyMembersShare"],
}


@pytest.fixture(scope="module")
def programs(java):
    return {"java": java, "kafkajs": Kafkajs(), "rdkafka": Rdkafka()}


@pytest.fixture(scope="module")
def said(broker, programs):
    """Each program's outcomes; it runs when the first of its checks is asked for."""
    found = {}

    def of(language):
        if language not in found:
            found[language] = outcomes(programs[language].checks(broker.address))
        return found[language]

    return of


@pytest.mark.parametrize("language, check", [(language, check) for language, checks in CHECKS.items() for check in checks])
def test_check(said, language, check):
    seen = said(language)
    assert check in seen, f"the program ran {sorted(seen)} only"
    assert seen[check] is None, seen[check]


@pytest.mark.parametrize("language", list(CHECKS))
def test_every_check_is_asked_for(said, language):
    assert sorted(said(language)) == sorted(CHECKS[language])


@pytest.mark.parametrize("language", list(CHECKS))
def test_offsets_are_kept_over_kill_and_restart(own_broker, unique, programs, language):
    topic, group = unique("topic"), unique("group")
    own_broker.create_topic(topic)
    programs[language].checks(own_broker.address, "commit", group, topic, "42")
    own_broker.kill()
    own_broker.restart()
    assert programs[language].checks(own_broker.address, "committed", group, topic).split() == ["committed", "42"]
