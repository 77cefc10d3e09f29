"""Search by error and attributes, saved views, jobs and the stream of a filter, on a node that is also killed."""

import json
import subprocess
import threading
import urllib.parse
import urllib.request

from support.paths import BATON
from support.wait import until

# Fails with the error that the input names, after it assigned what the input says.
DEFINITION = {
    "QueryLanguage": "JSONata", "StartAt": "Note",
    "States": {
        "Note": {"Type": "Pass", "Assign": {"order": "{% $states.input %}"}, "Next": "Which"},
        "Which": {"Type": "Choice", "Choices": [{"Condition": "{% $exists($order.error) %}", "Next": "Bad"}], "Default": "Hold"},
        "Bad": {"Type": "Fail", "Error": "{% $order.error %}"},
        "Hold": {"Type": "Wait", "Seconds": 3600, "End": True},
    },
}
ATTRIBUTES = {
    "customer": {"type": "string", "value": "{% $states.input.customer %}"},
    "total": {"type": "number", "value": "$order.total"},
}


def machine(rest, name):
    """Creates the machine with its attributes."""
    answer = rest.post("/v1/state-machines", {"name": name, "definition": DEFINITION, "searchAttributes": ATTRIBUTES})
    assert answer.status == 201, answer.text


def start(rest, name, execution, **given):
    """Starts an execution; returns its ARN."""
    answer = rest.post(f"/v1/state-machines/{name}/executions", {"name": execution, "input": given})
    assert answer.status == 201, answer.text
    return answer.body["executionArn"]


def found(rest, name, condition):
    """Names of the machine's executions that meet a condition, newest first."""
    where = urllib.parse.quote(f"machine = {name} and {condition}")
    answer = rest.get(f"/v1/executions?where={where}")
    assert answer.status == 200, answer.text
    return [execution["name"] for execution in answer.body["executions"]]


def run(baton, *arguments):
    """Runs the program against the node."""
    return subprocess.run([BATON, *arguments, "--endpoint", baton.url], capture_output=True, text=True, timeout=60)


class Changes:
    """Reads the stream of a filter on a thread of its own."""

    def __init__(self, url, name, last=None):
        request = urllib.request.Request(f"{url}/v1/events?machine={name}")
        if last:
            request.add_header("Last-Event-ID", last)
        self.answer = urllib.request.urlopen(request, timeout=30)
        self.changes, self.gaps, self.last = [], 0, last
        self.begun = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        current = {}
        try:
            for line in self.answer:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field:
                    current[field] = value
                elif not line.strip():
                    self._take(current)
                    current = {}
        except (OSError, ValueError):
            pass  # the node was killed

    def _take(self, event):
        if "data" in event and event.get("event") == "change":
            self.changes.append(json.loads(event["data"]))
        self.gaps += event.get("event") == "gap"
        if "id" in event:
            self.last = event["id"]
            self.begun.set()

    def closed(self):
        """Names and errors of the executions that were seen to close."""
        return [(change["name"], change.get("error")) for change in self.changes if change["status"] != "RUNNING"]


def test_executions_are_found_by_error_and_attributes_also_after_a_crash(baton, rest, name):
    machine(rest, name)
    start(rest, name, "a", customer="c-1", total=5, error="Card.Refused")
    start(rest, name, "b", customer="c-1", total=50, error="Late")
    start(rest, name, "c", customer="c-2", total=500)
    until("both failures", lambda: found(rest, name, "status = FAILED") == ["b", "a"])

    def all_found():
        assert found(rest, name, "error = 'Card.*'") == ["a"]
        assert found(rest, name, "customer = 'c-1'") == ["b", "a"]
        assert found(rest, name, "total >= 50") == ["c", "b"]
        assert found(rest, name, "customer = 'c-1' and total < 50") == ["a"]

    all_found()
    saved = run(baton, "view", "save", name, "--where", f"machine = {name}", "--where", "error = Late")
    assert saved.returncode == 0, saved.stderr
    listed = run(baton, "list", "--view", name, "--output", "json")
    assert [one["searchAttributes"] for one in json.loads(listed.stdout)] == [{"customer": "c-1", "total": 50.0}]
    baton.kill()
    baton.start()
    all_found()
    # What was folded again from the log is the same.
    baton.kill()
    baton.forget()
    baton.start()
    all_found()
    assert run(baton, "view", "delete", name).returncode == 0


def test_a_job_stops_and_starts_again_many_executions(baton, rest, name):
    machine(rest, name)
    for number in range(30):
        start(rest, name, f"x{number}", customer="c-1", total=number)
    where = f"machine = {name} and status = RUNNING and total >= 10"
    refused = run(baton, "stop", "--where", where)
    assert refused.returncode == 1 and "20 executions" in refused.stderr, refused.stderr
    stopped = run(baton, "stop", "--where", where, "--error", "Enough", "--yes", "--per-second", "1000")
    assert stopped.returncode == 0, stopped.stderr
    assert "done 20, skipped 0, failed 0" in stopped.stdout
    assert len(found(rest, name, "error = Enough")) == 20
    again = run(baton, "start-again", "--where", f"machine = {name} and error = Enough and total >= 28", "--yes")
    assert "done 2" in again.stdout, again.stdout + again.stderr
    assert len(found(rest, name, "status = RUNNING and total >= 28")) == 2
    assert name in run(baton, "job", "list").stdout


def test_a_job_goes_on_after_its_node_was_killed(baton, rest, name):
    machine(rest, name)
    for number in range(40):
        start(rest, name, f"x{number}", customer="c-1", total=number)
    job = rest.post("/v1/jobs", {"action": "stop", "where": f"machine = {name}", "perSecond": 10}).body["jobId"]
    until("some progress", lambda: rest.get(f"/v1/jobs/{job}").body["done"] > 0)
    baton.kill()
    baton.start()
    done = until("its end", lambda: (got := rest.get(f"/v1/jobs/{job}").body)["status"] != "RUNNING" and got, 30)
    assert done["status"] == "SUCCEEDED"
    assert done["done"] + done["skipped"] == 40
    assert found(rest, name, "status = RUNNING") == []


def test_the_stream_of_a_filter_shows_each_change_once_and_survives_a_restart(baton, rest, name):
    machine(rest, name)
    stream = Changes(baton.url, name)
    assert stream.begun.wait(10)
    start(rest, name, "a", customer="c-1", total=1, error="One")
    until("the change", lambda: stream.closed() == [("a", "One")])
    last = stream.last
    baton.restart()
    again = Changes(baton.url, name, last)
    start(rest, name, "b", customer="c-1", total=1, error="Two")
    until("the change", lambda: ("b", "Two") in again.closed())
    assert ("a", "One") not in again.closed()
