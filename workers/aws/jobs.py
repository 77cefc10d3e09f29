"""`.sync`: a job is started, reported as submitted, and looked at until it has ended.

Owns: how each service's jobs are looked at, when they have ended, and how they are stopped. A worker that dies meanwhile
does the start again elsewhere; services that take an idempotency token (Athena, ECS) then go on with the same job.
"""

import json
import logging

from loop import TaskError
from service import from_boto

# Pauses between two looks, seconds: the first, doubled up to the longest.
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0


class Job:
    """A service's kind of job: calls in boto3's spelling."""

    def __init__(self, look, inner, state, good, bad, stop=None, wrap=None):
        self.look, self.inner, self.state, self.good, self.bad, self.stop, self.wrap = look, inner, state, good, bad, stop, wrap


def _ecs_state(task):
    if task.get("lastStatus") != "STOPPED":
        return "RUNNING"
    codes = [container.get("exitCode") for container in task.get("containers", [])]
    return "SUCCEEDED" if codes and all(code == 0 for code in codes) else "FAILED"


JOBS = {
    ("athena", "startQueryExecution"): Job(
        lambda given, start: ("getQueryExecution", {"QueryExecutionId": start["QueryExecutionId"]}),
        lambda answer: answer["QueryExecution"], lambda job: job["Status"]["State"], ("SUCCEEDED",), ("FAILED", "CANCELLED"),
        lambda given, start: ("stopQueryExecution", {"QueryExecutionId": start["QueryExecutionId"]}), "QueryExecution",
    ),
    ("batch", "submitJob"): Job(
        lambda given, start: ("describeJobs", {"jobs": [start["jobId"]]}),
        lambda answer: answer["jobs"][0], lambda job: job["status"], ("SUCCEEDED",), ("FAILED",),
        lambda given, start: ("terminateJob", {"jobId": start["jobId"], "reason": "The execution no longer wants it"}),
    ),
    ("codebuild", "startBuild"): Job(
        lambda given, start: ("batchGetBuilds", {"ids": [start["build"]["id"]]}),
        lambda answer: answer["builds"][0], lambda job: job["buildStatus"], ("SUCCEEDED",),
        ("FAILED", "FAULT", "STOPPED", "TIMED_OUT"), lambda given, start: ("stopBuild", {"id": start["build"]["id"]}), "Build",
    ),
    ("ecs", "runTask"): Job(
        lambda given, start: ("describeTasks", _cluster(given) | {"tasks": [start["tasks"][0]["taskArn"]]}),
        lambda answer: answer["tasks"][0], _ecs_state, ("SUCCEEDED",), ("FAILED",),
        lambda given, start: ("stopTask", _cluster(given) | {"task": start["tasks"][0]["taskArn"]}),
    ),
    ("glue", "startJobRun"): Job(
        lambda given, start: ("getJobRun", {"JobName": _member(given, "JobName"), "RunId": start["JobRunId"]}),
        lambda answer: answer["JobRun"], lambda job: job["JobRunState"], ("SUCCEEDED",),
        ("FAILED", "ERROR", "TIMEOUT", "STOPPED", "EXPIRED"),
        lambda given, start: ("batchStopJobRun", {"JobName": _member(given, "JobName"), "JobRunIds": [start["JobRunId"]]}),
    ),
    ("states", "startExecution"): Job(
        lambda given, start: ("describeExecution", {"executionArn": start["executionArn"]}),
        lambda answer: answer, lambda job: job["status"], ("SUCCEEDED",), ("FAILED", "TIMED_OUT", "ABORTED"),
        lambda given, start: ("stopExecution", {"executionArn": start["executionArn"]}),
    ),
}


def wait(service, action, pattern, call, task):
    """Waits for the job that `call` started; its output, or the failure of a job that failed."""
    job = JOBS.get((service.kind, action))
    if job is None:
        known = ", ".join(f"{kind}:{name}" for kind, name in sorted(JOBS))
        raise TaskError("States.Runtime", f"{service.kind}:{action}.sync is not served; {known} are")
    if call.raw.get("failures"):
        raise TaskError("States.TaskFailed", json.dumps(call.output, default=str))
    given = json.loads(task.value) if task.value else {}
    task.submitted(call.output)
    pause = FIRST_PAUSE_S
    while True:
        if task.unwanted.wait(pause):
            _stop(service, job, given, call.raw)
            raise TaskError("States.TaskFailed", "the task was cancelled or timed out; its job was stopped")
        pause = min(pause * 2, LONGEST_PAUSE_S)
        look, parameters = job.look(given, call.raw)
        answer = service.request(look, parameters)
        answer.pop("ResponseMetadata", None)
        found = job.inner(answer)
        state = job.state(found)
        if state in job.good + job.bad:
            output = _output(service, look, job, answer, pattern)
            if state in job.bad:
                raise TaskError("States.TaskFailed", json.dumps(output))
            return output


def _output(service, look, job, answer, pattern):
    shape = service.model.operation_model(service.operations[look]).output_shape
    found = from_boto(shape, answer)
    # The list or member that the job was found in, in the workflow's spelling.
    inner = {"describeJobs": "Jobs", "describeTasks": "Tasks", "batchGetBuilds": "Builds"}.get(look)
    if inner:
        found = found[inner][0]
    elif look == "getJobRun":
        found = found["JobRun"]
    if service.kind == "states" and pattern.endswith(":2"):
        for member in ("Input", "Output"):
            if isinstance(found.get(member), str):
                found[member] = json.loads(found[member])
    return {job.wrap: found} if job.wrap and job.wrap not in found else found


def _stop(service, job, given, start):
    if job.stop is None:
        return
    try:
        service.request(*job.stop(given, start))
    except TaskError as error:
        logging.warning("a job that nobody wants could not be stopped: %s", error)


def _member(given, name):
    return next(value for key, value in given.items() if key.lower() == name.lower())


def _cluster(given):
    return {"cluster": value for key, value in given.items() if key.lower() == "cluster"}
