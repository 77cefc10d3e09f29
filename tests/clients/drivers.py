"""Three clients that AWS makes, unmodified, behind one call: `call(operation, **arguments)`.

Owns: how each is told where Baton is, as docs/coming-from-step-functions.md says it. A refused call raises `Refused` with the
name of the error as that client shows it; `is_typed` says whether it is an error of a class of its own there.
"""

import json
import os
import re
import subprocess

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from support.paths import CLIENT_TOOLS, SDK_JS

REGION = "us-east-1"
BRIDGE = os.path.join(os.path.dirname(__file__), "js", "bridge.cjs")


class Refused(Exception):
    """The server refused a call."""

    def __init__(self, name, message, is_typed):
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.is_typed = is_typed


class Boto3:
    """AWS's SDK for Python."""

    def __init__(self, url):
        self.client = boto3.client(
            "stepfunctions", endpoint_url=url, region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any",
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
        )

    def call(self, operation, **arguments):
        try:
            answer = getattr(self.client, xform_name(operation))(**arguments)
        except ClientError as error:
            found = error.response["Error"]
            is_typed = isinstance(error, getattr(self.client.exceptions, found["Code"], ()))
            raise Refused(found["Code"], found["Message"], is_typed) from error
        answer.pop("ResponseMetadata")
        return answer

    def pages(self, operation, key, size, **arguments):
        """All items of all pages, by the client's own paginator."""
        paginator = self.client.get_paginator(xform_name(operation))
        pages = paginator.paginate(PaginationConfig={"PageSize": size}, **arguments)
        return [item for page in pages for item in page[key]]

    def operations(self):
        """Names of all operations that the client knows."""
        return set(self.client.meta.service_model.operation_names)

    def close(self):
        self.client.close()


class AwsCli:
    """The AWS CLI, a process for each call."""

    def __init__(self, url):
        self.url = url
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": REGION,
            "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        }

    def call(self, operation, **arguments):
        return self._run(operation, ["--no-paginate"], arguments)

    def pages(self, operation, key, size, **arguments):
        return self._run(operation, ["--page-size", str(size)], arguments)[key]

    def _run(self, operation, options, arguments):
        command = [
            CLIENT_TOOLS / "bin" / "aws", "--endpoint-url", self.url, "--output", "json", "stepfunctions",
            xform_name(operation, "-"), *options, "--cli-input-json", json.dumps(arguments),
        ]
        ran = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=90)
        if ran.returncode == 0:
            return json.loads(ran.stdout) if ran.stdout.strip() else {}
        found = re.search(r"An error occurred \((\w+)\) when calling the \w+ operation(?: \([^)]*\))?: (.*)", ran.stderr, re.DOTALL)
        assert found, f"aws {operation}: {ran.stderr}"
        raise Refused(found[1], found[2].strip(), True)

    def close(self):
        pass


class JavaScript:
    """AWS's SDK for JavaScript v3, in one process."""

    def __init__(self, url):
        command = ["node", BRIDGE, url, str(SDK_JS)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, operation, **arguments):
        return self._ask({"operation": operation, "args": arguments})

    def pages(self, operation, key, size, **arguments):
        return self._ask({"operation": operation, "args": arguments, "pages": {"key": key, "size": size}})

    def _ask(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the SDK's process ended"
        answer = json.loads(line)
        if "error" in answer:
            error = answer["error"]
            raise Refused(error["name"], error["message"], error["isTyped"])
        return answer["ok"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


DRIVERS = {"boto3": Boto3, "aws-cli": AwsCli, "javascript": JavaScript}
