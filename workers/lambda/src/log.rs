//! What a child writes becomes log lines with the fields of the task that it works on.

use crate::limits::LOG_LINE_BYTES_MAX;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::Span;

/// Whose output it is at the moment.
#[derive(Clone, Default)]
pub struct Output(Arc<Mutex<Option<Span>>>);

impl Output {
    /// From now on it belongs to `span`, also what is written after an answer: most likely it is about that one.
    pub fn belongs_to(&self, span: &Span) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(span.clone());
    }

    fn write(&self, stream: &'static str, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            return;
        }
        let span = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        span.unwrap_or_else(Span::none).in_scope(|| {
            tracing::info!(target: "function", stream, "{text}");
        });
    }
}

/// Logs `pipe` line by line to its end, on a thread of its own.
///
/// # Errors
/// The system gives no thread.
pub fn follow(
    pipe: impl Read + Send + 'static,
    stream: &'static str,
    output: Output,
) -> std::io::Result<()> {
    let follow = move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = (&mut pipe).take(LOG_LINE_BYTES_MAX);
            match bounded.read_until(b'\n', &mut line) {
                Err(_) | Ok(0) => return,
                Ok(_) => output.write(stream, &line),
            }
        }
    };
    let thread = std::thread::Builder::new().name(stream.to_owned());
    thread.spawn(follow).map(drop)
}
