"""A node that asks for access keys: signatures are checked, and nothing is let in without one."""

import base64

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.baton import Baton
from support.clients import Rest

KEY, SECRET = "AKIDTESTS", "wJalrXUtnFEMI/K7MDENG+bPxRfiCY"


@pytest.fixture(scope="module")
def guarded(directory, kafka):
    """A node with one access key."""
    keys = directory / "access-keys"
    keys.write_text(f"# tests\n{KEY} {SECRET}\n")
    node = Baton(directory / "guarded", kafka.address, prefix="guarded.", arguments=["--access-keys", keys]).start()
    yield node
    node.stop()


def client(url, key, secret):
    """boto3 with this key."""
    config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1})
    return boto3.client("stepfunctions", endpoint_url=url, region_name="eu-central-1", aws_access_key_id=key,
                        aws_secret_access_key=secret, config=config)


def test_only_a_right_signature_is_let_in(guarded):
    assert client(guarded.url, KEY, SECRET).list_state_machines()["stateMachines"] == []
    for key, secret, code in [(KEY, "wrong", "InvalidSignatureException"), ("OTHER", SECRET, "UnrecognizedClientException")]:
        with pytest.raises(ClientError) as refused:
            client(guarded.url, key, secret).list_state_machines()
        assert refused.value.response["Error"]["Code"] == code


def test_rest_takes_the_key_over_http_basic(guarded):
    rest = Rest(guarded.url)
    refused = rest.get("/v1/state-machines")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Basic realm="baton"')
    right = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    assert rest.call("GET", "/v1/state-machines", headers={"authorization": f"Basic {right}"}).status == 200
    assert rest.call("GET", "/v1/state-machines", headers={"authorization": "Basic eDp5"}).status == 401


def test_probes_and_metrics_need_no_key(guarded):
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert Rest(guarded.url).get(path).status == 200, path


def test_any_sync_host_is_answered(baton):
    answer = Rest(baton.url).call("POST", "/", {}, {"host": "sync-baton.example", "x-amz-target": "AWSStepFunctions.ListActivities"})
    assert answer.status == 200
