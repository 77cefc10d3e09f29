"""Kafka's Java client 4.1 and kafkajs: what java/Checks.java and kafkajs/checks.js say of each check."""

import pytest

from broker.programs import Java, Kafkajs, outcomes

BOTH = ["everyCodec", "recordParts", "seekAndTimes", "idempotentProducer", "killedMemberIsEvicted", "deleteRecords", "compaction",
        "retention", "transactionsAreRefused"]
# kafkajs has neither of Kafka's assignors, nor static members, nor the new protocol.
CHECKS = {
    "java": [*BOTH, "rangeMembersShare", "cooperativeMembersShare", "killedCooperativeMemberIsEvicted", "staticMemberIsBack",
             "newGroupProtocolIsRefused", "replicasAreRefused"],
    "kafkajs": [*BOTH, "twoMembersShare"],
}


@pytest.fixture(scope="module")
def programs(java):
    return {"java": java, "kafkajs": Kafkajs()}


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
