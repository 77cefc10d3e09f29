//! A span for each handled task, exported over OTLP (feature `otel`).
//!
//! Owns: a `tracing` layer that turns this library's `task` spans into OpenTelemetry spans with the ids that the
//! command's and the completion's `traceparent` name. OpenTelemetry's environment variables say where to and under which
//! name; without an endpoint there is no layer, and nothing is done. Must not: look at any other span: a handler that
//! wants its own takes [`crate::Task::traceparent`] as their parent.

use crate::task::SPAN_NAME;
use baton_schemas::TraceContext;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// What is to be flushed when a worker stops.
static PROCESSOR: OnceLock<Arc<BatchSpanProcessor>> = OnceLock::new();

/// The layer; see [`layer`].
pub struct Tasks(Arc<BatchSpanProcessor>);

/// The layer to add to a program's `tracing` subscriber: `None` unless `OTEL_EXPORTER_OTLP_ENDPOINT` or
/// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set, or if `OTEL_SDK_DISABLED` is `true` or `OTEL_TRACES_EXPORTER` is `none`.
/// The service is `OTEL_SERVICE_NAME`, or the name of the program. A worker that stops sends what there is.
///
/// # Errors
/// What is wrong with the settings, in words.
pub fn layer() -> Result<Option<Tasks>, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let says = |name, value: &str| variable(name).is_some_and(|v| v.eq_ignore_ascii_case(value));
    let endpoint = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT"));
    if endpoint.is_none()
        || says("OTEL_SDK_DISABLED", "true")
        || says("OTEL_TRACES_EXPORTER", "none")
    {
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_http().build();
    let exporter = exporter.map_err(|e| format!("traces can't be exported: {e}"))?;
    let mut processor = BatchSpanProcessor::builder(exporter).build();
    let resource = Resource::builder();
    let resource = match variable("OTEL_SERVICE_NAME") {
        Some(_) => resource,
        None => resource.with_service_name(program()),
    };
    processor.set_resource(&resource.build());
    let processor = Arc::new(processor);
    // A second layer of one process is flushed by nobody; it still exports.
    let _ = PROCESSOR.set(Arc::clone(&processor));
    Ok(Some(Tasks(processor)))
}

/// Sends what there is. Blocks.
pub(crate) fn flush() {
    if let Some(processor) = PROCESSOR.get()
        && let Err(error) = processor.force_flush()
    {
        tracing::warn!(%error, "the last spans were not exported");
    }
}

/// What is noted of a task's span until it closes.
struct Noted {
    context: TraceContext,
    parent: u64,
    begun: SystemTime,
    queue: String,
    attributes: Vec<KeyValue>,
    error: Option<String>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Tasks {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_task(attributes.metadata()) {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(noted), Some(span)) = (fields.into_noted(), context.span(id)) {
            span.extensions_mut().insert(noted);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        if let Some(noted) = span.extensions_mut().get_mut::<Noted>() {
            let mut fields = Fields::default();
            values.record(&mut fields);
            noted.error = fields.error.or(noted.error.take());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let noted = context
            .span(&id)
            .and_then(|span| span.extensions_mut().remove::<Noted>());
        if let Some(noted) = noted {
            self.0.on_end(noted.into_data());
        }
    }
}

fn is_task(metadata: &Metadata<'_>) -> bool {
    metadata.name() == SPAN_NAME && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
}

/// The fields of a task's span.
#[derive(Default)]
struct Fields {
    context: Option<TraceContext>,
    parent: Option<TraceContext>,
    queue: String,
    attributes: Vec<KeyValue>,
    error: Option<String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "trace.context" => self.context = TraceContext::parse(value),
            "trace.parent" => self.parent = TraceContext::parse(value),
            "error.name" => self.error = Some(value.to_owned()),
            name => {
                if name == "task.queue" {
                    value.clone_into(&mut self.queue);
                }
                self.attributes.push(KeyValue::new(name, value.to_owned()));
            }
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.attributes.push(KeyValue::new(field.name(), value));
    }
}

impl Fields {
    /// `None` if the command came without a trace, or with one that is not recorded.
    fn into_noted(self) -> Option<Noted> {
        let context = self.context.filter(TraceContext::is_sampled)?;
        Some(Noted {
            context,
            parent: self.parent?.span,
            begun: SystemTime::now(),
            queue: self.queue,
            attributes: self.attributes,
            error: self.error,
        })
    }
}

impl Noted {
    fn into_data(self) -> SpanData {
        let mut attributes = self.attributes;
        attributes.push(KeyValue::new("messaging.system", "kafka"));
        attributes.push(KeyValue::new("messaging.operation.name", "process"));
        let status = match self.error {
            Some(error) => {
                attributes.push(KeyValue::new("error.type", error.clone()));
                Status::error(error)
            }
            None => Status::Ok,
        };
        SpanData {
            span_context: SpanContext::new(
                self.context.trace.into(),
                self.context.span.into(),
                TraceFlags::new(self.context.flags),
                false,
                TraceState::NONE,
            ),
            parent_span_id: self.parent.into(),
            parent_span_is_remote: true,
            span_kind: SpanKind::Consumer,
            name: format!("{} process", self.queue).into(),
            start_time: self.begun,
            end_time: SystemTime::now(),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: InstrumentationScope::builder("baton-worker").build(),
        }
    }
}

fn program() -> String {
    let path = std::env::current_exe().ok();
    let name = path.as_deref().and_then(|path| path.file_name());
    name.map_or_else(
        || "worker".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}
