//! Keeping executions in flight and timing them.

use crate::Arguments;
use crate::client::{consumer, ensure_results, producer, send};
use baton_schemas::arn::execution_arn;
use baton_schemas::partition::partition_of;
use baton_schemas::request::{ReplyTo, StartRequest};
use baton_schemas::topics::Topics;
use baton_schemas::{Payload, Request, cloudevents as ce};
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::{BorrowedHeaders, Headers};
use rdkafka::producer::{DefaultProducerContext, ThreadedProducer};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A result that doesn't come within this time means that something is wrong.
const RESULT_TIMEOUT: Duration = Duration::from_secs(60);

struct Load<'a> {
    arguments: &'a Arguments,
    topics: Topics,
    reply_to: ReplyTo,
    producer: ThreadedProducer<DefaultProducerContext>,
    consumer: BaseConsumer,
}

/// Runs the load; returns the JSON line.
pub fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    ensure_results(arguments)?;
    let load = Load {
        arguments,
        topics: Topics::new(&arguments.prefix),
        reply_to: ReplyTo {
            topic: arguments.results.as_str().into(),
            partition: 0,
        },
        producer: producer(arguments)?,
        consumer: consumer(arguments)?,
    };
    load.measure("w", arguments.warm_up, 1)?;
    let (latencies, elapsed) = load.measure("m", arguments.count, arguments.in_flight)?;
    let quantile =
        |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    Ok(serde_json::json!({
        "count": arguments.count,
        "in_flight": arguments.in_flight,
        "wf_per_s": arguments.count as f64 / elapsed.as_secs_f64(),
        "p50_ms": quantile(0.5),
        "p99_ms": quantile(0.99),
    })
    .to_string())
}

impl Load<'_> {
    /// Sorted latencies and the time from the first start to the last result.
    fn measure(
        &self,
        kind: &str,
        count: usize,
        in_flight: usize,
    ) -> Result<(Vec<Duration>, Duration), Box<dyn Error>> {
        let prefix = format!(":{}-{kind}-", self.arguments.run);
        let begin = Instant::now();
        let mut started = vec![begin; count];
        let mut latencies = Vec::with_capacity(count);
        let mut next = 0;
        while latencies.len() < count {
            while next < count && next - latencies.len() < in_flight {
                started[next] = Instant::now();
                self.start(kind, next)?;
                next += 1;
            }
            // What has come by now is taken together, and as many are started together.
            let mut timeout = RESULT_TIMEOUT;
            while let Some(found) = self.result(&prefix, timeout)? {
                if let Some(i) = found {
                    latencies.push(started[i].elapsed());
                }
                timeout = Duration::ZERO;
            }
        }
        latencies.sort();
        Ok((latencies, begin.elapsed()))
    }

    fn start(&self, kind: &str, i: usize) -> Result<(), Box<dyn Error>> {
        let name: Arc<str> = format!("{}-{kind}-{i}", self.arguments.run).into();
        let execution = execution_arn(&self.arguments.machine, &name)
            .ok_or("--machine is not a state machine's ARN")?;
        let partition = partition_of(execution.as_bytes(), self.arguments.partitions);
        let start = Request::Start(StartRequest {
            machine: self.arguments.machine.as_str().into(),
            input: Payload::from_text(&input(i, self.arguments.payload))?,
            reply_to: Some(self.reply_to.clone()),
            traceparent: None,
            parent: None,
            execution,
            name,
        });
        send(&self.producer, &self.topics.requests, partition, &start)?;
        Ok(())
    }

    /// The next result within `timeout`, or `None`: the number of its execution, or `None` for one of an earlier run.
    fn result(
        &self,
        prefix: &str,
        timeout: Duration,
    ) -> Result<Option<Option<usize>>, Box<dyn Error>> {
        let Some(message) = self.consumer.poll(timeout) else {
            return match timeout {
                Duration::ZERO => Ok(None),
                _ => Err("no result within 60 s".into()),
            };
        };
        let message = message?;
        let key = std::str::from_utf8(message.key().unwrap_or_default())?;
        let Some((_, number)) = key.rsplit_once(prefix) else {
            return Ok(Some(None));
        };
        let subject = |headers: &BorrowedHeaders| {
            headers
                .iter()
                .find(|h| h.key == ce::SUBJECT)
                .and_then(|h| Some(h.value? == b"SUCCEEDED"))
        };
        if message.headers().and_then(subject) != Some(true) {
            return Err(format!("{key} did not succeed").into());
        }
        Ok(Some(Some(number.parse()?)))
    }
}

/// An object of about `bytes` bytes that compresses no better than real data.
fn input(i: usize, bytes: usize) -> String {
    let mut text = format!("{{\"n\":{i},\"data\":\"");
    let mut x = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while text.len() + 2 < bytes {
        x = x
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(b'a' + ((x >> 33) % 26) as u8));
    }
    text.push_str("\"}");
    text
}
