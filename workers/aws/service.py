"""One call of an AWS service, as Step Functions makes it.

Owns: the two spellings (Step Functions' PascalCase, the SDK's own), results and errors in Step Functions' form, as recorded
from AWS. Knows nothing of Kafka.
"""

import datetime
import json
import re
import threading
import uuid
from dataclasses import dataclass

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from loop import TaskError

# Names that Step Functions (the Java SDK's) and boto3 do not share; others are found by the service id in botocore's data.
BOTO_NAMES = {
    "states": "stepfunctions", "sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp", "elasticloadbalancingv2": "elbv2", "elasticmapreduce": "emr", "ssm": "ssm",
}
# Optimised integrations: the prefix of their errors, the service's name in causes, and the name of what has no name.
OPTIMISED = {
    "athena": ("Athena", "AmazonAthena", "AmazonAthenaException"),
    "batch": ("Batch", "AWSBatch", "AWSBatchException"),
    "dynamodb": ("DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException"),
    "ecs": ("ECS", "AmazonECS", "AmazonECSException"),
    "events": ("EventBridge", "AmazonCloudWatchEvents", "AmazonCloudWatchEventsException"),
    "glue": ("Glue", "AWSGlue", "AWSGlueException"),
    "sns": ("SNS", "AmazonSNS", "AmazonSNSException"),
    "sqs": ("SQS", "AmazonSQS", "AmazonSQSException"),
    "states": ("StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException"),
}
SDK = "aws-sdk:"


@dataclass
class Call:
    """What a call gave: in boto3's spelling, and as the workflow sees it."""

    raw: dict
    output: dict


class Services:
    """Clients, made when first needed."""

    def __init__(self, region, endpoint_url=None):
        self.session = boto3.Session(region_name=region)
        self.endpoint_url = endpoint_url
        self.lock = threading.Lock()
        self.known = {}

    def get(self, kind):
        """The service of `dynamodb` or `aws-sdk:dynamodb`."""
        with self.lock:
            if kind not in self.known:
                self.known[kind] = Service(kind, self._client(kind.removeprefix(SDK)))
            return self.known[kind]

    def _client(self, name):
        # Calls are tried again by the state's Retry; a few quick tries are the SDK's own, as on AWS.
        # What is missing is said by the service, in its own words, as on AWS; so parameters are not checked here.
        config = Config(retries={"mode": "standard", "total_max_attempts": 3}, parameter_validation=False,
                        inject_host_prefix=self.endpoint_url is None)
        return self.session.client(self._boto_name(name), endpoint_url=self.endpoint_url, config=config)

    def _boto_name(self, name):
        available = self.session.get_available_services()
        if BOTO_NAMES.get(name, name) in available:
            return BOTO_NAMES.get(name, name)
        loader = self.session._session.get_component("data_loader")
        for candidate in available:
            service_id = loader.load_service_model(candidate, "service-2")["metadata"].get("serviceId", "")
            if re.sub(r"[^a-z0-9]", "", service_id.lower()) == name:
                return candidate
        raise TaskError("States.Runtime", f"boto3 knows no service {name!r}: update it, or check the state's Resource")


class Service:
    """A service under the name that the state calls it by."""

    def __init__(self, kind, client):
        self.kind = kind
        self.client = client
        self.model = client.meta.service_model
        self.operations = {name[0].lower() + name[1:]: name for name in self.model.operation_names}
        sdk_name = java_name(self.model.service_id)
        self.prefix, self.cause_name, self.unnamed = OPTIMISED.get(kind, (sdk_name, sdk_name, f"{sdk_name}Exception"))

    def call(self, action, parameters, token):
        """Calls `action` ("putItem"). Repeats of a task carry the same idempotency token, where the operation takes one."""
        if action not in self.operations:
            raise TaskError("States.Runtime", f"{self.kind} has no action {action!r}")
        operation = self.model.operation_model(self.operations[action])
        given = to_boto(operation.input_shape, parameters) if operation.input_shape else {}
        for name in operation.idempotent_members:
            given.setdefault(name, str(uuid.uuid5(uuid.NAMESPACE_URL, token)))
        answer = self.request(action, given)
        metadata = answer.pop("ResponseMetadata", {})
        output = from_boto(operation.output_shape, answer)
        if not self.kind.startswith(SDK) and self.kind != "events":
            output |= http_metadata(metadata)
        if self.kind == "events" and answer.get("FailedEntryCount"):
            failed = {"Entries": output["Entries"], "FailedEntryCount": output["FailedEntryCount"]}
            raise TaskError("EventBridge.FailedEntry", json.dumps(failed))
        return Call(answer, output)

    def request(self, action, given):
        """A call in boto3's spelling."""
        # boto3's methods are named by a table of its own; the reverse of it is in the client.
        methods = {operation: method for method, operation in self.client.meta.method_to_api_mapping.items()}
        try:
            return getattr(self.client, methods[self.operations[action]])(**given)
        except ClientError as error:
            raise self._failure(error) from error
        except (BotoCoreError, ValueError, TypeError) as error:
            raise TaskError(f"{self.prefix}.SdkClientException", str(error)) from error

    def _failure(self, error):
        said, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        code = said.get("Code", "")
        modelled = self.client.exceptions.from_code(said.get("QueryErrorCode", code))
        name = self.unnamed if modelled is ClientError else modelled.__name__
        name = name if name.endswith("Exception") else f"{name}Exception"
        status, request = metadata.get("HTTPStatusCode", 0), metadata.get("RequestId", "")
        if self.kind in OPTIMISED:
            where = (f"Service: {self.cause_name}; Status Code: {status}; Error Code: {code}; Request ID: {request}; "
                     "Proxy: null")
        else:
            where = f"Service: {self.cause_name}, Status Code: {status}, Request ID: {request}"
        return TaskError(f"{self.prefix}.{name}", f"{said.get('Message', '')} ({where})")


def java_name(service_id):
    """`DynamoDB` is DynamoDb, `Secrets Manager` is SecretsManager, `SFN` is Sfn: as the Java SDK names its classes."""
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+", service_id)
    return "".join(word[0].upper() + word[1:].lower() for word in words)


def to_boto(shape, value):
    """Parameters of a state as boto3 wants them: members in the service's own spelling, JSON where text is asked for."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        given = {}
        for name, inner in value.items():
            own = name if name in shape.members else members.get(name.lower(), name)
            if inner is not None or own not in shape.members:
                given[own] = to_boto(shape.members[own], inner) if own in shape.members else inner
        return given
    if shape.type_name == "list" and isinstance(value, list):
        return [to_boto(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {name: to_boto(shape.value, item) for name, item in value.items()}
    if shape.type_name in ("string", "blob") and not isinstance(value, (str, bytes)) and value is not None:
        return json.dumps(value, separators=(",", ":"))
    return value


def from_boto(shape, value):
    """A result as the workflow sees it: PascalCase members, times in ISO 8601, bytes as text."""
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    kind = shape.type_name if shape is not None else None
    if kind == "structure" and isinstance(value, dict):
        members = {name: shape.members.get(name) for name in value}
        return {name[0].upper() + name[1:]: from_boto(members[name], inner) for name, inner in value.items()}
    if isinstance(value, dict):
        inner = shape.value if kind == "map" else None
        return {name: from_boto(inner, item) for name, item in value.items()}
    if isinstance(value, list):
        return [from_boto(shape.member if kind == "list" else None, item) for item in value]
    return value


def http_metadata(metadata):
    """What optimised integrations add of the HTTP answer."""
    headers = metadata.get("HTTPHeaders", {})
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": metadata.get("HTTPStatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": metadata.get("RequestId", "")},
    }
