"""A Lambda function as it would be deployed: knows nothing but its event and its context."""

import steps


def handler(event, context):
    print(f"step {event['step']}, attempt {event['attempt']}")
    assert context.get_remaining_time_in_millis() > 0
    return {**steps.do(event), "request": context.aws_request_id, "function": context.invoked_function_arn}
