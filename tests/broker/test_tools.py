"""Kafka's own console tools, from their jars: topics, settings, groups, producing, consuming, measuring."""

import json

import pytest

TOOLS = "org.apache.kafka.tools"
TOPICS = f"{TOOLS}.TopicCommand"
GROUPS = f"{TOOLS}.consumer.group.ConsumerGroupCommand"
CONSOLE_CONSUMER = f"{TOOLS}.consumer.ConsoleConsumer"
CONSOLE_PRODUCER = f"{TOOLS}.ConsoleProducer"


@pytest.fixture
def tool(java, broker):
    """Runs a tool on the broker."""

    def use(name, *arguments, **more):
        return java.tool(name, "--bootstrap-server", broker.address, *arguments, **more)

    return use


def test_topics_are_made_described_altered_and_deleted(tool, unique):
    topic = unique("topic")
    tool(TOPICS, "--create", "--topic", topic, "--partitions", "2", "--config", "retention.ms=60000")
    described = tool(TOPICS, "--describe", "--topic", topic)
    assert "PartitionCount: 2" in described and "retention.ms=60000" in described
    assert "Leader: 1" in described and "Isr: 1" in described
    tool(TOPICS, "--alter", "--topic", topic, "--partitions", "3")
    assert "PartitionCount: 3" in tool(TOPICS, "--describe", "--topic", topic)
    assert topic in tool(TOPICS, "--list").split()
    tool(TOPICS, "--delete", "--topic", topic)
    assert topic not in tool(TOPICS, "--list").split()


def test_what_the_broker_has_not_is_said(tool, unique):
    said = tool(TOPICS, "--create", "--topic", unique("topic"), "--replication-factor", "3", fails=True)
    assert "replication factor 3: there is one broker" in said


def test_producing_consuming_and_groups(tool, unique):
    topic, group = unique("topic"), unique("group")
    tool(TOPICS, "--create", "--topic", topic)
    lines = "".join(f"k{n}:v{n}\n" for n in range(100))
    tool(CONSOLE_PRODUCER, "--topic", topic, "--property", "parse.key=true", "--property", "key.separator=:",
         "--compression-codec", "zstd", stdin=lines.encode())
    read = tool(CONSOLE_CONSUMER, "--topic", topic, "--group", group, "--from-beginning", "--max-messages", "100",
                "--property", "print.key=true", "--property", "key.separator=:")
    assert read == lines
    assert group in tool(GROUPS, "--list").split()
    described = [line.split() for line in tool(GROUPS, "--describe", "--group", group).splitlines() if topic in line]
    assert [row[2:6] for row in described] == [["0", "100", "100", "0"]]
    tool(GROUPS, "--reset-offsets", "--group", group, "--topic", topic, "--to-offset", "40", "--execute")
    read = tool(CONSOLE_CONSUMER, "--topic", topic, "--group", group, "--max-messages", "60")
    assert read.split() == [f"v{n}" for n in range(40, 100)]
    tool(GROUPS, "--delete", "--group", group)
    assert group not in tool(GROUPS, "--list").split()


def test_offsets_records_deleted_and_the_log_s_size(tool, unique, directory):
    topic = unique("topic")
    tool(CONSOLE_PRODUCER, "--topic", topic, stdin=b"a\nb\nc\n")
    assert tool(f"{TOOLS}.GetOffsetShell", "--topic", topic).strip() == f"{topic}:0:3"
    wanted = directory / f"{topic}.json"
    wanted.write_text(json.dumps({"partitions": [{"topic": topic, "partition": 0, "offset": 2}], "version": 1}))
    assert "low_watermark: 2" in tool(f"{TOOLS}.DeleteRecordsCommand", "--offset-json-file", str(wanted))
    assert tool(f"{TOOLS}.GetOffsetShell", "--topic", topic, "--time", "earliest").strip() == f"{topic}:0:2"


def test_api_versions_and_the_cluster(tool, java, broker):
    versions = tool(f"{TOOLS}.BrokerApiVersionsCommand")
    assert "Produce(0): 0 to 12" in versions
    assert "ConsumerGroupHeartbeat(68): UNSUPPORTED" in versions
    assert "Cluster ID:" in java.tool(f"{TOOLS}.ClusterTool", "cluster-id", "--bootstrap-server", broker.address)


@pytest.mark.parametrize("acks", ["1", "all"])
def test_the_performance_tools(java, broker, unique, acks):
    topic = unique("topic")
    said = java.tool(f"{TOOLS}.ProducerPerformance", "--topic", topic, "--num-records", "20000", "--record-size", "300", "--throughput", "-1",
                     "--producer-props", f"bootstrap.servers={broker.address}", f"acks={acks}")
    assert "20000 records sent" in said
    read = java.tool(f"{TOOLS}.ConsumerPerformance", "--bootstrap-server", broker.address, "--topic", topic, "--messages", "20000",
                     "--reporting-interval", "1000")
    assert ", 20000, " in read
