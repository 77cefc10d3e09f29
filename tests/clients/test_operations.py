"""Every operation of Step Functions by boto3, the AWS CLI and AWS's SDK for JavaScript, none of them modified."""

from drivers import Boto3
from scenario import Client, run


def test_every_operation(driver, baton):
    client = Client(driver)
    run(client, f"all-{type(driver).__name__.lower()}")
    every = Boto3(baton.url).operations()
    assert client.called == every, f"not called: {sorted(every - client.called)}"
