"""A worker without Kafka: polls a Step Functions activity over HTTP with boto3 (docs/workers.md).

`python activity.py http://127.0.0.1:7070 arn:aws:states:us-east-1:000000000000:activity:approve`
"""
import json, os, signal, sys, threading
import boto3
from botocore.config import Config

HEARTBEAT_EVERY_S = 5  # well within the HeartbeatSeconds of the state


def approve(task):
    return {"approved": task.get("amount", 0) < 1000}


def work(endpoint, arn, handler, heartbeat_every_s=HEARTBEAT_EVERY_S):
    """Does the activity's tasks one by one until SIGTERM or SIGINT."""
    # A poll waits for up to 60 s; a client that gave up sooner would lose the task that it is given meanwhile.
    config = Config(read_timeout=70, retries={"mode": "standard"}, inject_host_prefix=False)
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"} if "AWS_ACCESS_KEY_ID" not in os.environ else {}
    client = boto3.client("stepfunctions", endpoint_url=endpoint, region_name=arn.split(":")[3], config=config, **keys)
    running = [True]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: (running.clear(), sys.exit(0)))
    while running:
        task = client.get_activity_task(activityArn=arn, workerName="example")
        if task.get("taskToken"):
            do(client, task["taskToken"], json.loads(task["input"]), handler, heartbeat_every_s)


def do(client, token, value, handler, heartbeat_every_s):
    """Does one task; says meanwhile that it goes on."""
    ended = threading.Event()
    threading.Thread(target=beat, args=(client, token, ended, heartbeat_every_s), daemon=True).start()
    try:
        output = handler(value)
        answer = lambda: client.send_task_success(taskToken=token, output=json.dumps(output))
    except Exception as failure:  # whatever it is, the workflow is told
        error, cause = type(failure).__name__, str(failure)
        answer = lambda: client.send_task_failure(taskToken=token, error=error, cause=cause)
    finally:
        ended.set()
    try:
        answer()
    except (client.exceptions.TaskTimedOut, client.exceptions.TaskDoesNotExist, client.exceptions.InvalidToken):
        print("the workflow no longer waits for this task", flush=True)


def beat(client, token, ended, every_s):
    while not ended.wait(every_s):
        try:
            client.send_task_heartbeat(taskToken=token)
        except client.exceptions.TaskTimedOut:
            return


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2], approve)
