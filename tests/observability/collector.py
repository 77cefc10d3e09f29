"""An OTLP collector within the test: takes spans over HTTP as protobuf and keeps them.

Owns: the protocol's receiving side (OTLP 1.x, `POST /v1/traces`) and spans in a form that tests can compare. Must not
know anything of Baton.
"""

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

PARENTLESS = ""


@dataclass(frozen=True)
class Span:
    """One span. Ids are hexadecimal; times are nanoseconds since the epoch; `failed` is the status' word."""

    service: str
    trace: str
    id: str
    parent: str
    name: str
    kind: int
    begun: int
    ended: int
    failed: str
    attributes: tuple

    def __getitem__(self, attribute):
        return dict(self.attributes)[attribute]


class Collector:
    """Listens on a port of its own. `spans` is everything that came, repeats included."""

    def __init__(self):
        self.spans = []
        self._lock = threading.Lock()
        self.listen(0)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def listen(self, port):
        """Begins to take spans, or goes on after `close`."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            """Takes one request."""

            def do_POST(self):  # the name is http.server's
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
                collector._take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of_trace(self, trace):
        """The different spans of a trace; a repeat must be the very same span."""
        with self._lock:
            found = {span for span in self.spans if span.trace == trace}
        ids = [span.id for span in found]
        assert len(ids) == len(set(ids)), f"one id, different spans: {sorted(found, key=lambda span: span.id)}"
        return found

    def of_execution(self, arn):
        """The different spans that name an execution."""
        with self._lock:
            traces = {span.trace for span in self.spans if ("execution.id", arn) in span.attributes}
        return {span for trace in traces for span in self.of_trace(trace)}

    def close(self):
        """Takes no more; connections are refused."""
        self.server.shutdown()
        self.server.server_close()

    def _take(self, request):
        for resource in request.resource_spans:
            service = dict(_plain(resource.resource.attributes)).get("service.name", "")
            spans = [_span(service, span) for scope in resource.scope_spans for span in scope.spans]
            with self._lock:
                self.spans.extend(spans)


def _span(service, span):
    failed = span.status.message if span.status.code == 2 else ""
    return Span(service, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex() or PARENTLESS, span.name, span.kind,
                span.start_time_unix_nano, span.end_time_unix_nano, failed, _plain(span.attributes))


def _plain(attributes):
    return tuple(sorted((each.key, getattr(each.value, each.value.WhichOneof("value"))) for each in attributes))
