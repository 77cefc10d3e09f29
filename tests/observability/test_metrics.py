"""`/metrics`: each figure is documented and each documented one is there; names, labels and values are sound."""

import re

import pytest

from support import workers
from support.clients import execution_arn, wait_closed
from support.paths import ROOT
from support.records import Sender
from support.wait import until

DOCUMENT = ROOT / "docs" / "operations.md"
# Labels and how many values each may have; whatever else appears as a label is an id or a mistake.
LABELS = {"protocol": 2, "operation": 60, "result": 60, "status": 4, "queue": 101, "topic": 2, "partition": 10_000, "le": 20, "version": 1}
BASE_UNITS = ("_seconds", "_bytes", "_total", "_records", "_info", "_fds")
# Figures that count things and need no unit (Prometheus: "metric and label naming").
COUNTS = {
    "baton_ready", "baton_open_executions", "baton_owned_partitions", "baton_partition_serving", "baton_outbox_effects",
    "baton_history_appends_in_flight", "baton_queue_consumers", "baton_queue_stuck",
}
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? ([0-9.eE+-]+|\+Inf|NaN)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """What `/metrics` says: kinds by family, samples as (name, labels, value)."""

    def __init__(self, text):
        self.kinds, self.samples = {}, []
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, family, kind = line.split()
                assert family not in self.kinds, f"{family} twice"
                self.kinds[family] = kind
            elif not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                self.samples.append((name, dict(LABEL.findall(labels or "")), float(value)))

    def value(self, name, **labels):
        """The value of the one sample with these labels."""
        found = [value for each, has, value in self.samples if each == name and labels.items() <= has.items()]
        assert len(found) == 1, f"{name} {labels}: {found}"
        return found[0]


@pytest.fixture(scope="session")
def worked(directory, kafka, rest, sfn):
    """Some executions have run, so that every figure has something to show."""
    echo = workers.echo(directory, kafka.address, "measured").start()
    try:
        work = {"Type": "Task", "Resource": "arn:aws:states:::baton:task.measured", "End": True}
        rest.create_machine("measured", {"StartAt": "Work", "States": {"Work": work}})
        for number in range(3):
            rest.post("/v1/state-machines/measured/executions", {"name": f"e{number}"})
            wait_closed(sfn, execution_arn("measured", f"e{number}"))
    finally:
        echo.stop()


@pytest.fixture
def metrics(baton, worked):
    """What the node says now."""
    return Metrics(baton.get("/metrics"))


def test_every_figure_is_documented_and_every_documented_one_is_there(metrics):
    documented = set(re.findall(r"^\| `((?:baton|process)_[a-z_]+)`", DOCUMENT.read_text(), re.M))
    assert documented == set(metrics.kinds)


def test_names_say_unit_and_kind(metrics):
    for family, kind in metrics.kinds.items():
        assert family.endswith(BASE_UNITS) or family in COUNTS, family
        assert (kind == "counter") == family.endswith("_total"), f"{family} is a {kind}"


def test_labels_are_few_and_never_ids(metrics):
    values = {}
    for name, labels, _ in metrics.samples:
        for label, value in labels.items():
            assert label in LABELS, f"{name} has a label {label}"
            assert "arn:" not in value and "e0" not in value, f"{name}: {value}"
            values.setdefault((name, label), set()).add(value)
    for (name, label), seen in values.items():
        assert len(seen) <= LABELS[label], f"{name}: {label} has {len(seen)} values"


def test_histograms_add_up(metrics):
    for family in (family for family, kind in metrics.kinds.items() if kind == "histogram"):
        by_labels = {}
        for name, labels, value in metrics.samples:
            if name == f"{family}_bucket":
                rest = tuple(sorted((label, has) for label, has in labels.items() if label != "le"))
                by_labels.setdefault(rest, []).append(value)
        assert by_labels, family
        for labels, buckets in by_labels.items():
            assert buckets == sorted(buckets) and buckets[-1] == metrics.value(f"{family}_count", **dict(labels)), family


def test_figures_tell_what_happened(baton, metrics):
    assert metrics.value("baton_executions_started_total") >= 3
    assert metrics.value("baton_executions_closed_total", status="SUCCEEDED") >= 3
    assert metrics.value("baton_task_duration_seconds_count", queue="measured") == 3
    assert metrics.value("baton_history_append_duration_seconds_count") >= 1
    assert metrics.value("baton_partition_recovery_duration_seconds_count") >= baton.partitions
    assert metrics.value("baton_partition_claims_total") >= baton.partitions
    assert all(metrics.value("baton_partition_serving", partition=str(p)) == 1 for p in range(baton.partitions))
    assert metrics.value("baton_ready") == 1
    assert 1e6 < metrics.value("process_resident_memory_bytes") < 1e10
    assert metrics.value("process_cpu_seconds_total") > 0
    assert metrics.value("baton_build_info") == 1


def test_a_record_that_nobody_can_use_is_counted(baton, kafka):
    before = Metrics(baton.get("/metrics")).value("baton_dead_letters_total")
    Sender(kafka.address).send("baton.completions", b"no such token", b"{}", {"ce_type": "baton.task.succeeded.v1"})
    until("the dead letter's count", lambda: Metrics(baton.get("/metrics")).value("baton_dead_letters_total") == before + 1, 20)


def test_lag_is_shown_for_every_input_partition(baton):
    def shown():
        samples = Metrics(baton.get("/metrics")).samples
        lags = {(labels["topic"], int(labels["partition"])): value for name, labels, value in samples if name == "baton_input_lag_records"}
        expected = {(topic, partition) for topic in ("completions", "requests") for partition in range(baton.partitions)}
        return set(lags) == expected and set(lags.values()) == {0}

    until("a lag of nothing in every partition", shown, 30)
