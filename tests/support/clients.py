"""Clients as users have them: REST over urllib, boto3 for the AWS protocol."""

import json
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.config import Config

from support.wait import until

REGION = "us-east-1"
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"
CLOSED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def stepfunctions(url, **config):
    """boto3's Step Functions client. No retries, so that a test sees the first answer."""
    return boto3.client(
        "stepfunctions",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, read_timeout=30, **config),
    )


def machine_arn(name):
    """ARN of a state machine."""
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def execution_arn(machine, name):
    """ARN of an execution."""
    return f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:{name}"


def wait_closed(client, arn, timeout_s=30):
    """Waits until an execution is closed; returns what DescribeExecution says then."""
    described = {}

    def closed():
        described.update(client.describe_execution(executionArn=arn))
        return described["status"] in CLOSED and described

    return until(f"the end of {arn}", closed, timeout_s)


def wait_event(client, arn, kind, timeout_s=20, count=1):
    """Waits until the history of an execution has `count` events of type `kind`; returns the last of them."""

    def found():
        events = [event for event in history(client, arn) if event["type"] == kind]
        return len(events) >= count and events[count - 1]

    return until(f"event {count} of type {kind} of {arn}", found, timeout_s)


def history(client, arn, **options):
    """All events of an execution, over all pages."""
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, **options)
    return [event for page in pages for event in page["events"]]


def kinds(events):
    """The types of events, in order."""
    return [event["type"] for event in events]


class Answer:
    """Status, headers and parsed body of a REST call."""

    def __init__(self, status, headers, text):
        self.status = status
        self.headers = headers
        self.text = text
        self.type = headers.get("content-type", "").split(";")[0]

    @property
    def body(self):
        """The body as JSON."""
        return json.loads(self.text)


class Rest:
    """The REST API of a node."""

    def __init__(self, url):
        self.url = url

    def call(self, method, path, body=None, headers=None):
        """Any call; an error status is an answer like any other."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, method=method, headers={"content-type": "application/json", **(headers or {})}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read().decode())

    def get(self, path):
        """GET."""
        return self.call("GET", path)

    def post(self, path, body=None, headers=None):
        """POST."""
        return self.call("POST", path, body, headers)

    def create_machine(self, name, definition):
        """Creates a state machine; returns its ARN."""
        answer = self.post("/v1/state-machines", {"name": name, "definition": definition})
        assert answer.status in (200, 201), answer.text
        return answer.body["stateMachineArn"]

    @staticmethod
    def escape(part):
        """An ARN or token as one segment of a path."""
        return urllib.parse.quote(part, safe="")
