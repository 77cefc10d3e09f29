"""`apigateway:invoke`: a call of an API's own endpoint, signed where the state says so (Step Functions developer guide, "Call API
Gateway")."""

import http
import json
import urllib.parse

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from loop import TaskError

POOL = urllib3.PoolManager(timeout=urllib3.Timeout(connect=10, read=29), retries=False)


def invoke(parameters, session):
    """Makes the call; the output is that of the HTTP answer."""
    endpoint = parameters["ApiEndpoint"]
    base = endpoint if "://" in endpoint else f"https://{endpoint}"
    parts = [base.rstrip("/"), *(parameters[part].strip("/") for part in ("Stage", "Path") if parameters.get(part))]
    url = "/".join(parts)
    if query := parameters.get("QueryParameters"):
        url += "?" + urllib.parse.urlencode(query, doseq=True)
    headers = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in (parameters.get("Headers") or {}).items()}
    body = None
    if "RequestBody" in parameters:
        body = json.dumps(parameters["RequestBody"]).encode()
        headers.setdefault("Content-Type", "application/json")
    if parameters.get("AuthType") == "IAM_ROLE":
        signed = AWSRequest(parameters["Method"], url, headers, body)
        SigV4Auth(session.get_credentials(), "execute-api", session.region_name).add_auth(signed)
        headers = dict(signed.headers.items())
    try:
        answer = POOL.request(parameters["Method"], url, body=body, headers=headers)
    except urllib3.exceptions.HTTPError as error:
        raise TaskError("ApiGateway.SdkClientException", str(error)) from error
    output = {
        "Headers": {name: answer.headers.getlist(name) for name in answer.headers},
        "ResponseBody": _body(answer.data),
        "StatusCode": answer.status,
        "StatusText": answer.reason or http.HTTPStatus(answer.status).phrase,
    }
    if answer.status >= 400:
        raise TaskError(f"ApiGateway.{answer.status}", answer.data.decode("utf-8", "replace"))
    return output


def _body(data):
    text = data.decode("utf-8", "replace")
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text
