//! Names of topics, each built in one place from the configurable prefix.

use std::sync::Arc;

/// Default prefix of every topic, group and instance id.
pub const PREFIX_DEFAULT: &str = "baton.";

/// Longest topic name that Kafka accepts, characters (`org.apache.kafka.common.internals.Topic`).
pub const TOPIC_LENGTH_MAX: usize = 249;

/// The names of the fixed topics under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// The prefix itself.
    pub prefix: Arc<str>,
    /// Completions of tasks.
    pub completions: Arc<str>,
    /// Starts and stops by record.
    pub requests: Arc<str>,
    /// The write-ahead log.
    pub history: Arc<str>,
    /// Definitions.
    pub registry: Arc<str>,
    /// Who owns what, a hint.
    pub nodes: Arc<str>,
    /// Cancellations, for workers.
    pub control: Arc<str>,
    /// Records that can't be used.
    pub dead_letter: Arc<str>,
    /// Logged events of executions.
    pub execution_logs: Arc<str>,
}

/// A queue or bus whose name makes no topic name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// The name is empty.
    #[error("a task queue needs a name")]
    Empty,
    /// The topic's name would be too long.
    #[error(
        "task queue {queue:?} makes the topic name {topic:?} of {length} characters; Kafka allows {TOPIC_LENGTH_MAX}: \
         choose a shorter name (characters outside A-Z, a-z, 0-9, `.`, `_` and `-` count four times)",
        length = topic.len()
    )]
    TooLong {
        /// The task queue.
        queue: String,
        /// The topic name that it makes.
        topic: String,
    },
}

impl Topics {
    /// The names under `prefix`, such as `baton.`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let name = |rest: &str| Arc::from(format!("{prefix}{rest}"));
        Self {
            prefix: prefix.into(),
            completions: name("completions"),
            requests: name("requests"),
            history: name("history"),
            registry: name("registry"),
            nodes: name("nodes"),
            control: name("control"),
            dead_letter: name("dead-letter"),
            execution_logs: name("execution-logs"),
        }
    }

    /// The topic of a task queue that was checked with [`Self::commands_checked`] when its definition was stored.
    #[must_use]
    pub fn commands(&self, queue: &str) -> String {
        format!("{}commands.{}", self.prefix, escape(queue))
    }

    /// The topic of a task queue.
    ///
    /// # Errors
    /// When Kafka would not accept the name; to be told to whoever stores the definition that names the queue.
    pub fn commands_checked(&self, queue: &str) -> Result<String, TopicNameError> {
        if queue.is_empty() {
            return Err(TopicNameError::Empty);
        }
        let topic = self.commands(queue);
        if topic.len() > TOPIC_LENGTH_MAX {
            return Err(TopicNameError::TooLong {
                queue: queue.to_owned(),
                topic,
            });
        }
        Ok(topic)
    }

    /// The topic of an event bus.
    #[must_use]
    pub fn events(&self, bus: &str) -> String {
        format!("{}events.{}", self.prefix, escape(bus))
    }
}

/// Writes `queue` with the characters that Kafka allows in a topic name: any other byte becomes `_x` and two lower-case
/// hexadecimal digits.
///
/// Two queues never share a topic: a `_` that would read as such an escape is itself written `_x5f`. All other names of
/// allowed characters stay as they are. Kafka refuses a topic whose name differs from another's only by `.` for `_`, so
/// of the queues `a.b` and `a_b` the second one can't be made; that is the broker's error to give.
#[must_use]
pub fn escape(queue: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(queue.len());
    for (i, byte) in queue.bytes().enumerate() {
        let plain = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' => true,
            b'_' => !reads_as_escape(&queue.as_bytes()[i..]),
            _ => false,
        };
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str("_x");
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

fn reads_as_escape(text: &[u8]) -> bool {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    matches!(text, [b'_', b'x', high, low, ..] if is_hex(high) && is_hex(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_names_stay_readable() {
        for queue in [
            "resize",
            "my_queue",
            "item_2024",
            "lambda.resize-image",
            "a_feature",
            "_",
            "_x",
            "_x5",
            "_xFF",
        ] {
            assert_eq!(escape(queue), queue);
        }
    }

    #[test]
    fn other_characters_are_escaped() {
        assert_eq!(escape("a/b"), "a_x2fb");
        assert_eq!(escape("a_x2fb"), "a_x5fx2fb");
        assert_eq!(escape("ü"), "_xc3_xbc");
    }

    #[test]
    fn over_long_and_empty_names_are_refused() {
        let topics = Topics::new(PREFIX_DEFAULT);
        let longest = "q".repeat(TOPIC_LENGTH_MAX - "baton.commands.".len());
        assert_eq!(
            topics.commands_checked(&longest),
            Ok(format!("baton.commands.{longest}"))
        );
        assert_eq!(topics.commands_checked(""), Err(TopicNameError::Empty));
        let error = topics
            .commands_checked(&format!("{longest}q"))
            .expect_err("too long")
            .to_string();
        assert!(
            error.contains("250 characters; Kafka allows 249"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn escaping_is_undone_by_one_rule(queue in "([_xa-f0-9A-G./é]|.){0,20}") {
            let topic = escape(&queue);
            prop_assert!(topic.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            prop_assert_eq!(unescape(&topic), queue.as_bytes());
        }
    }

    /// The inverse; that there is one shows that no two queues share a topic.
    fn unescape(topic: &str) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), topic.as_bytes());
        while let Some(byte) = rest.first() {
            if reads_as_escape(rest) {
                out.push(
                    u8::from_str_radix(&topic[topic.len() - rest.len() + 2..][..2], 16)
                        .expect("two digits"),
                );
                rest = &rest[4..];
            } else {
                out.push(*byte);
                rest = &rest[1..];
            }
        }
        out
    }
}
