"""The ways to be a worker: how each is started, how a state calls it, and what its failures are called."""

import json
import sys

import boto3

from support.clients import ACCOUNT, REGION, stepfunctions
from support.paths import (
    BATON, EXAMPLES, RELEASE, ROOT, WORKERS_LAMBDA_RUST, WORKERS_NODE, WORKERS_PYTHON,
)
from support.process import Process, free_port
from support.wait import until
from target import Notes

HERE = ROOT / "tests" / "workers"
# What a step is told, wherever the state can say it.
PARAMETERS = {"attempt.$": "$$.State.RetryCount", "item.$": "$.item"}


class Way:
    """One kind of worker on its own task queue."""

    name = None
    # Error of the flaky step's first attempt.
    error = "Flaky"
    # Whether a cancellation ends what it does; else it ends by itself.
    hears_cancellations = False
    # Why it can't be tried here, if so.
    missing = None

    def __init__(self, directory, kafka, url, target):
        directory.mkdir(parents=True)
        self.directory, self.kafka, self.url, self.target = directory, kafka, url, target
        self.notes = Notes(directory / "notes")
        self.process = None
        self.prepare()

    def prepare(self):
        """What must be there before the first start."""

    def start(self):
        """Starts the worker, also again after it was killed."""
        if self.process is None:
            environment = {"STEPS_DIR": str(self.notes.directory), "BATON_KAFKA": self.kafka, **self.environment()}
            log = self.directory / "worker.log"
            self.process = Process(self.name, self.command(), log, environment, self.directory_of())
        return self.process.start()

    def stop(self):
        """Ends it in an orderly way."""
        code = self.process.stop()
        assert code == 0, f"{self.name} ended with code {code}: {self.process.tail()}"

    def environment(self):
        """More of it."""
        return {}

    def directory_of(self):
        """Where it is started."""
        return self.directory

    def queue(self):
        """The task queue that it serves."""
        return f"steps-{self.name}"

    def task(self, step):
        """How a state calls it."""
        return {"Resource": f"arn:aws:states:::baton:task.{self.queue()}", "Parameters": {"step": step, **PARAMETERS}}

    @classmethod
    def output(cls, result):
        """What the step said, within what the state got."""
        return result


class Rust(Way):
    """The worker library."""

    name = "rust"
    hears_cancellations = True

    def command(self):
        return [RELEASE / "steps-sdk", self.kafka, self.queue(), "steps-rust"]


class Python(Way):
    """The Python example's loop, with confluent-kafka and nothing of ours."""

    name = "python"

    def command(self):
        return [sys.executable, "-u", HERE / "plain_python.py", EXAMPLES / "python", self.queue()]

    def environment(self):
        properties = self.directory / "kafka.properties"
        properties.write_text("session.timeout.ms=6000\n")
        return {"BATON_KAFKA_PROPERTIES": str(properties)}


class Node(Way):
    """The Node example's loop, with kafkajs and nothing of ours."""

    name = "node"
    missing = None if (WORKERS_NODE / "node_modules" / "kafkajs").exists() else "kafkajs could not be installed"

    def prepare(self):
        # Node looks for packages beside the program, so it runs from where they were installed.
        for file in ("worker.js", "package.json"):
            (self.directory / file).write_bytes((EXAMPLES / "node" / file).read_bytes())
        (self.directory / "node_modules").symlink_to(WORKERS_NODE / "node_modules")

    def command(self):
        return ["node", HERE / "plain_node.mjs", self.directory, self.queue()]

    def environment(self):
        return {"BATON_SESSION_MS": "6000"}


class Lambda(Way):
    """A Lambda function under AWS's own runtime interface client."""

    hears_cancellations = True
    # Some runtimes are told on their command line what to run, others by _HANDLER.
    handler = ()

    def command(self):
        options = ["--function", self.name, "--instance", self.name, "--concurrency", 1, "--timeout-s", 60, *self.handler]
        return [BATON, "worker", "lambda", *options, "--", *self.runtime()]

    def task(self, step):
        return {
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": self.name, "Payload": {"step": step, **PARAMETERS}},
        }

    @classmethod
    def output(cls, result):
        payload = result["Payload"]
        assert payload["function"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{cls.name}", payload
        assert len(payload["request"]) == 36, payload
        return {name: payload[name] for name in ("step", "attempt", "item")}


class LambdaPython(Lambda):
    """awslambdaric."""

    name = "lambda-python"
    missing = None if WORKERS_PYTHON.exists() else "awslambdaric could not be installed"

    def runtime(self):
        return [WORKERS_PYTHON, "-m", "awslambdaric", "function.handler"]

    def environment(self):
        return {"PYTHONPATH": f"{HERE / 'functions' / 'python'}:{HERE}"}


class LambdaNode(Lambda):
    """aws-lambda-ric."""

    name = "lambda-node"
    handler = ("--handler", "function.handler")
    missing = None if (WORKERS_NODE / "node_modules" / "aws-lambda-ric").exists() else "aws-lambda-ric could not be installed"

    def runtime(self):
        return [WORKERS_NODE / "node_modules" / ".bin" / "aws-lambda-ric"]

    def directory_of(self):
        # The runtime looks for the function in the directory where it is started.
        return HERE / "functions" / "node"


class LambdaRust(Lambda):
    """lambda_runtime."""

    name = "lambda-rust"
    missing = None if WORKERS_LAMBDA_RUST.exists() else "lambda_runtime could not be built"

    def runtime(self):
        return [WORKERS_LAMBDA_RUST]


class Http(Way):
    """HTTP Tasks, by `baton worker http`."""

    name = "http"
    error = "States.Http.StatusCode.503"
    hears_cancellations = True

    def prepare(self):
        self.notes = self.target.notes(self.name)
        self.config = self.directory / "http.json"
        self.config.write_text(json.dumps({"Allow": ["127.0.0.1"]}))

    def command(self):
        return [BATON, "worker", "http", "--config", self.config, "--instance", self.name, "--concurrency", 1]

    def task(self, step):
        path = f"States.Format('{self.target.url}/step/{self.name}/{step}/{{}}/{{}}', $$.State.RetryCount, $.item)"
        return {"Resource": "arn:aws:states:::http:invoke", "Parameters": {"ApiEndpoint.$": path, "Method": "POST"}}

    @classmethod
    def output(cls, result):
        assert result["StatusCode"] == 200, result
        return result["ResponseBody"]


class Aws(Way):
    """AWS services, on moto."""

    name = "aws"
    error = "SQS.QueueDoesNotExistException"
    missing = None if WORKERS_PYTHON.exists() else "moto could not be installed"

    def prepare(self):
        self.notes = self.target.notes(self.name)
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        moto = [WORKERS_PYTHON, "-m", "moto.server", "-p", port]
        self.moto = Process("moto", moto, self.directory / "moto.log").start()
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": REGION}
        sqs = boto3.client("sqs", endpoint_url=self.endpoint, **keys)
        until("moto", lambda: sqs.create_queue(QueueName="steps-1"), 60)
        self.queue_url = sqs.get_queue_url(QueueName="steps-1")["QueueUrl"].removesuffix("1")
        dynamodb = boto3.client("dynamodb", endpoint_url=self.endpoint, **keys)
        dynamodb.create_table(
            TableName="steps", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )

    def command(self):
        options = ["--endpoint-url", self.endpoint, "--instance", "aws"]
        return [WORKERS_PYTHON, "-u", ROOT / "workers" / "aws" / "worker.py", "sqs", "dynamodb", "apigateway", *options]

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}

    @classmethod
    def output(cls, result):
        return None  # each service answers in its own words

    def task(self, step):
        if step == "flaky":
            # The queue for the first attempt does not exist.
            queue = f"States.Format('{self.queue_url}{{}}', $$.State.RetryCount)"
            return {"Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl.$": queue, "MessageBody": PARAMETERS}}
        if step == "last":
            item = {"id": {"S.$": "$.item"}, "step": {"S": "last"}}
            return {"Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem", "Parameters": {"TableName": "steps", "Item": item}}
        path = f"States.Format('step/{self.name}/{step}/{{}}/{{}}', $$.State.RetryCount, $.item)"
        return {
            "Resource": "arn:aws:states:::apigateway:invoke",
            "Parameters": {"ApiEndpoint": self.target.url, "Method": "POST", "Path.$": path, "RequestBody": {}},
        }

    def stop(self):
        """The services end with it."""
        super().stop()
        self.moto.kill()


class Activity(Way):
    """An activity over HTTP, without Kafka."""

    name = "activity"

    def prepare(self):
        made = stepfunctions(self.url).create_activity(name="steps")
        self.arn = made["activityArn"]

    def command(self):
        return [sys.executable, "-u", HERE / "activity_steps.py", EXAMPLES / "python", self.url, self.arn]

    def task(self, step):
        return {"Resource": self.arn, "Parameters": {"step": step, **PARAMETERS}}


WAYS = (LambdaPython, LambdaNode, LambdaRust, Rust, Python, Node, Http, Aws, Activity)
