"""A span for each task: with OpenTelemetry if its SDK is installed and an endpoint is named, else a span id alone.

`pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http`, and set OTEL_EXPORTER_OTLP_ENDPOINT.
"""
import os, secrets
from contextlib import contextmanager

tracer = None
if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.propagate import extract, inject
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind

        provider = TracerProvider()  # named by OTEL_SERVICE_NAME; sends what there is when the program ends
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        tracer = provider.get_tracer("baton-python-worker")
    except ImportError as missing:
        print(f"no traces: {missing}")


@contextmanager
def task_span(queue, headers):
    """Gives the span, if any, and the `traceparent` that the completion carries, if the command carried one."""
    if tracer is None:
        yield None, same_trace(headers.get("traceparent", ""))
        return
    attributes = {
        "execution.id": headers.get("ce_source", ""), "state.name": headers.get("ce_subject", ""), "task.queue": queue,
        "task.attempt": int(headers.get("ce_batonattempt", 0)), "task.token": headers.get("ce_id", ""),
        "messaging.system": "kafka", "messaging.operation.name": "process",
    }
    span = tracer.start_as_current_span(f"{queue} process", extract(headers), SpanKind.CONSUMER, attributes)
    with span as current:
        carrier = {}
        inject(carrier)
        yield current, carrier.get("traceparent")


def same_trace(traceparent):
    """The same trace with a new span id (W3C Trace Context, section 3.2)."""
    if traceparent.count("-") != 3:
        return None
    version, trace, _, flags = traceparent.split("-")
    return "-".join((version, trace, secrets.token_hex(8), flags))
