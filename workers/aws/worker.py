"""Serves `arn:aws:states:::<service>:<action>` and `arn:aws:states:::aws-sdk:<service>:<action>` against AWS, or anything
that answers like it: `python workers/aws/worker.py dynamodb sqs --endpoint-url http://127.0.0.1:5000`.

Owns: the command line, and which call belongs to which command. What a call is, is in `service.py`; jobs that are waited
for in `jobs.py`; Kafka in `loop.py`. Credentials and region are found as boto3 finds them.
"""

import argparse
import json
import logging
import os
import signal

import jobs
from apigateway import invoke
from loop import Loop, Submitted, TaskError
from service import Services

PREFIX = "arn:aws:states:::"
CALLBACK = ".waitForTaskToken"
# Served by other workers.
NOT_OURS = ("http", "lambda")


class Handler:
    """Does commands."""

    def __init__(self, services):
        self.services = services

    def __call__(self, task):
        """The output of a task, or `Submitted` for one that somebody else will end."""
        kind, action, pattern = parse(task.resource)
        parameters = json.loads(task.value) if task.value else {}
        if (kind, action) == ("apigateway", "invoke"):
            answer = invoke(parameters, self.services.session)
        else:
            service = self.services.get(kind)
            call = service.call(action, parameters, task.token)
            if pattern.startswith(".sync"):
                return jobs.wait(service, action, pattern, call, task)
            answer = call.output
        return Submitted(answer) if pattern == CALLBACK else answer


def parse(resource):
    """`arn:aws:states:::batch:submitJob.sync` is ("batch", "submitJob", ".sync")."""
    if not resource.startswith(PREFIX):
        raise TaskError("States.Runtime", f"the command names no service: its ce_batonresource is {resource!r}")
    kind, _, name = resource[len(PREFIX):].removesuffix(":2").rpartition(":")
    action, dot, pattern = name.partition(".")
    if resource.endswith(":2"):
        pattern += ":2"
    return kind, action, dot + pattern


def main():
    """Runs until SIGTERM or SIGINT."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("services", nargs="*", metavar="SERVICE", help="such as dynamodb; all that have a queue if none is named")
    options.add_argument("--kafka", default=os.environ.get("BATON_KAFKA", "127.0.0.1:9092"))
    options.add_argument("--kafka-config", action="append", default=[], metavar="NAME=VALUE", help="a librdkafka property")
    options.add_argument("--prefix", default=os.environ.get("BATON_PREFIX", "baton."))
    options.add_argument("--endpoint-url", help="of all services; boto3's AWS_ENDPOINT_URL_<SERVICE> names one of a single service")
    options.add_argument("--region", default=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")
    options.add_argument("--concurrency", type=int, default=32, help="calls and waited-for jobs at a time")
    options.add_argument("--poll-seconds", type=float, default=2.0, help="first pause between two looks at a job; it doubles up to 60 s")
    options.add_argument("--instance", help="name of this worker, unique and the same after a restart")
    given = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    jobs.FIRST_PAUSE_S = given.poll_seconds
    loop = Loop(given, Handler(Services(given.region, given.endpoint_url)), NOT_OURS)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    loop.run()


if __name__ == "__main__":
    main()
