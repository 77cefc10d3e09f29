//! W3C trace context, and the span ids that everybody can work out.
//!
//! Owns: reading and writing `traceparent` (W3C Trace Context, section 3.2, version 00), and which span ids an execution
//! and its events have. They follow from ARN and event id alone, so whoever sends a command again, or takes a partition
//! over, names the same spans. Must not: know an exporter, or make random ids.

use crate::arn::arn_hash;
use std::fmt;
use std::sync::Arc;

/// Length of a version 00 `traceparent`.
const LENGTH: usize = 55;
/// Flag: the trace is recorded.
const SAMPLED: u8 = 1;
/// Event id of `ExecutionStarted`, which names the execution's own span.
const STARTED: u64 = 1;

/// A `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never 0.
    pub trace: u128,
    /// The span that what follows is a child of; never 0.
    pub span: u64,
    /// Flags; bit 0 says that the trace is recorded.
    pub flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent`; `None` if it is not one. A later version is read as version 00, as the standard wants it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let dashes = bytes.len() == LENGTH && [2, 35, 52].iter().all(|at| bytes[*at] == b'-');
        let digits = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-');
        if !dashes || bytes.starts_with(b"ff") || !bytes.iter().all(digits) {
            return None;
        }
        u8::from_str_radix(&text[..2], 16).ok()?;
        let context = Self {
            trace: u128::from_str_radix(&text[3..35], 16).ok()?,
            span: u64::from_str_radix(&text[36..52], 16).ok()?,
            flags: u8::from_str_radix(&text[53..], 16).ok()?,
        };
        (context.trace != 0 && context.span != 0).then_some(context)
    }

    /// A recorded trace that begins here: its span has no parent, which [`Self::is_begun`] can tell from the ids.
    #[must_use]
    pub fn begun(trace: u128) -> Self {
        let trace = trace.max(1);
        Self {
            trace,
            span: first_span(trace),
            flags: SAMPLED,
        }
    }

    /// What an execution continues: the context given at its start, or the trace that its ARN names.
    #[must_use]
    pub fn of_execution(execution: &str, given: Option<&str>) -> Self {
        given
            .and_then(Self::parse)
            .unwrap_or_else(|| Self::begun(arn_hash(execution)))
    }

    /// Whether the trace began with this context, so that nobody else has a span by its id.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.span == first_span(self.trace)
    }

    /// Whether spans are to be recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The execution's own span in this context, which it was started with.
    #[must_use]
    pub fn execution_span(&self, execution: &str) -> u64 {
        if self.is_begun() {
            self.span
        } else {
            event_span(execution, STARTED)
        }
    }

    /// The same trace with another span.
    #[must_use]
    pub fn at(self, span: u64) -> Self {
        Self { span, ..self }
    }

    /// As a header's value.
    #[must_use]
    pub fn to_header(&self) -> Arc<str> {
        self.to_string().into()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace, self.span, self.flags
        )
    }
}

/// The span that an event of an execution begins: that of a state by its `StateEntered`, of a task by its `TaskScheduled`.
#[must_use]
pub fn event_span(execution: &str, event: u64) -> u64 {
    // The ARN's last characters tell executions of one trace apart; FNV-1a spreads them over the span id.
    let seed = 0xcbf2_9ce4_8422_2325 ^ event.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mix = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
    execution.bytes().rev().take(40).fold(seed, mix).max(1)
}

/// The first span of a trace that begins here.
fn first_span(trace: u128) -> u64 {
    let halves = (trace as u64) ^ ((trace >> 64) as u64);
    halves.wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

    #[test]
    fn what_is_read_is_written_again() {
        let context = TraceContext::parse(GIVEN).unwrap();
        assert_eq!(&*context.to_header(), GIVEN);
        assert!(context.is_sampled() && !context.is_begun());
        let later = GIVEN.replace("00-0", "01-0");
        assert_eq!(TraceContext::parse(&later), Some(context));
        assert!(
            !TraceContext::parse(&GIVEN.replace("-01", "-00"))
                .unwrap()
                .is_sampled()
        );
    }

    #[test]
    fn what_is_not_a_traceparent_is_refused() {
        let zeros = "0".repeat(32);
        for bad in [
            "",
            &GIVEN[..54],
            &GIVEN.replace("00-0", "ff-0"),
            &GIVEN.replace("00-0", "0--0"),
            &GIVEN.to_uppercase(),
            &GIVEN.replace("b7", "é"),
            &GIVEN.replace("0af7651916cd43dd8448eb211c80319c", &zeros),
            &GIVEN.replace("b7ad6b7169203331", &zeros[..16]),
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_trace_that_begins_here_is_known_by_its_ids() {
        for trace in [0, 1, u128::MAX, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c] {
            let context = TraceContext::begun(trace);
            assert!(context.is_begun());
            assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
            assert_eq!(context.execution_span(ARN), context.span);
        }
    }

    #[test]
    fn an_execution_without_a_usable_context_has_a_trace_by_its_name() {
        let own = TraceContext::of_execution(ARN, None);
        assert_eq!(own, TraceContext::of_execution(ARN, Some("nonsense")));
        assert_ne!(own.trace, TraceContext::of_execution("another", None).trace);
        assert_eq!(
            TraceContext::of_execution(ARN, Some(GIVEN)).to_string(),
            GIVEN
        );
    }

    #[test]
    fn spans_of_different_events_differ() {
        let spans: std::collections::BTreeSet<u64> =
            (1..1_000).map(|id| event_span(ARN, id)).collect();
        assert_eq!(spans.len(), 999);
        assert_eq!(event_span(ARN, 3), event_span(ARN, 3));
    }
}
