"""What a scenario plays in: a broker, one or two nodes, a worker, and load; and what is found out of it afterwards."""

import json
import shutil
from collections import Counter
from pathlib import Path

from fold import fold
from load import Load

from support.baton import PARTITIONS, Baton
from support.broker import made
from support.clients import ROLE, history, kinds, stepfunctions
from support.records import Tail
from support.wait import until
from support.workers import echo

MACHINE = "five-steps"
QUEUE = "echo"
STEPS = 5
REPLIES = "faults-replies"
EXPECTED = ["ExecutionStarted"]
EXPECTED += ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"] * STEPS
EXPECTED += ["ExecutionSucceeded"]
# Histories also read through the API, of those that the checker has read from Kafka.
SAMPLE = 40


class World:
    """Everything of one scenario, in a directory of its own."""

    def __init__(self, directory, nodes, broker):
        self.directory = Path(directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.kafka = made(broker, self.directory / "kafka").start()
        self.kafka.create_topic(REPLIES)
        self.nodes = [
            Baton(self.directory / f"node-{number}", self.kafka.address, node=f"node-{number}") for number in range(1, nodes + 1)
        ]
        for node in self.nodes:
            node.start()
        self._create_machine()
        self.runs = self.directory / "handler-runs"
        self.worker = echo(self.directory, self.kafka.address, QUEUE, self.runs, "echo-1").start()
        self.load = Load(self.kafka.address, self.nodes[0].prefix, MACHINE, REPLIES).start()
        # Warm: every part has done its work.
        self.load.advance(200)

    def end(self):
        """Waits for everything accepted, checks it, ends all processes; returns what was found."""
        self.load.finish()
        tail = Tail(self.kafka.address, f"{self.nodes[0].prefix}history", beginning=True)
        folds = fold(tail.to_end(120), PARTITIONS)
        tail.close()
        found = self._judge(folds)
        if not found["lost"]:
            found["problems"] += self._ask_the_api()
        found["problems"] = found["problems"][:20]
        self.close()
        return found, folds

    def close(self):
        """Ends all processes."""
        self.worker.kill()
        for node in self.nodes:
            node.kill()
        self.kafka.kill()

    def keep_only_logs(self):
        """Deletes data; logs stay for somebody to look at."""
        shutil.rmtree(self.directory / "kafka" / "data", ignore_errors=True)
        for node in self.nodes:
            shutil.rmtree(node.data, ignore_errors=True)

    def _create_machine(self):
        states = {
            f"Step{number}": {
                "Type": "Task",
                "Resource": f"arn:aws:states:::baton:task.{QUEUE}",
                **({"Next": f"Step{number + 1}"} if number < STEPS else {"End": True}),
            }
            for number in range(1, STEPS + 1)
        }
        definition = json.dumps({"StartAt": "Step1", "States": states})
        stepfunctions(self.nodes[0].url).create_state_machine(name=MACHINE, definition=definition, roleArn=ROLE)

    def _judge(self, folds):
        """Holds the history against what was accepted."""
        executions = {arn: execution for one in folds for arn, execution in one.executions.items()}
        problems = [problem for one in folds for problem in one.problems]
        lost = 0
        for arn in self.load.accepted:
            execution = executions.get(arn)
            if self.load.completed.get(arn) != "SUCCEEDED" or execution is None:
                lost += 1
                problems.append(f"{arn}: reported {self.load.completed.get(arn)}, in the history: {execution is not None}")
            elif execution.kinds != EXPECTED:
                problems.append(f"{arn}: its history is {execution.kinds}")
        runs = Counter(self.runs.read_text().split()) if self.runs.exists() else Counter()
        return {
            "accepted": len(self.load.accepted),
            "completed": sum(1 for arn in self.load.accepted if self.load.completed.get(arn) == "SUCCEEDED"),
            "lost": lost,
            "applied_twice": sum(one.applied_twice for one in folds),
            "tasks_rerun": sum(count - 1 for count in runs.values()) if runs else None,
            "records_ignored": sum(one.ignored for one in folds),
            "claims": sum(len(one.claims) for one in folds),
            "results_repeated": self.load.repeated,
            "problems": problems,
        }

    def _ask_the_api(self):
        """The API tells the same as the log."""
        client = stepfunctions(self.nodes[0].url)
        arns = sorted(self.load.accepted)
        problems = []
        for arn in arns[:: max(1, len(arns) // SAMPLE)]:
            described = until(f"the view of {arn}", lambda: (got := client.describe_execution(executionArn=arn))["status"] != "RUNNING" and got)
            events = history(client, arn)
            if described["status"] != "SUCCEEDED" or kinds(events) != EXPECTED:
                problems.append(f"{arn}: the API says {described['status']}, {kinds(events)}")
            if [event["id"] for event in events] != list(range(1, len(EXPECTED) + 1)):
                problems.append(f"{arn}: the API's ids are {[event['id'] for event in events]}")
        return problems
