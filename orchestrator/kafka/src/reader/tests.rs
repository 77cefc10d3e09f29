//! A reader against a real broker. Needs `BATON_TEST_KAFKA=host:port`; without it these tests are skipped.

use super::*;
use crate::inbox::Taken;
use crate::topics::{Admin, specs};
use baton_engine::ports::InputRecord;
use crossbeam_channel::{Sender, bounded};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::thread::JoinHandle;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A reader of requests partition 0 on its own thread, and what it gives.
struct Under {
    config: Config,
    commands: Sender<Command>,
    inbox: Arc<Inbox>,
    thread: JoinHandle<()>,
}

impl Under {
    fn test(name: &str) -> Option<Self> {
        let Some(brokers) = std::env::var("BATON_TEST_KAFKA")
            .ok()
            .filter(|b| !b.is_empty())
        else {
            eprintln!("skipped: set BATON_TEST_KAFKA=host:port to run this");
            return None;
        };
        let mut config = Config::new(&brokers, "node", "http://node");
        config.prefix = format!("test-{name}-{}.", crate::nodes::now_ms());
        config.replication = 1;
        let admin = Admin::new(&config).expect("a client");
        admin.ensure(&specs(&config, 1)).expect("topics");
        let inbox = Arc::new(Inbox::default());
        let (commands, received) = bounded(10);
        let reader = Reader::new(&config, InputTopic::Requests, received, inbox.clone());
        let reader = reader.expect("a reader");
        let thread = std::thread::spawn(move || reader.run());
        Some(Self {
            config,
            commands,
            inbox,
            thread,
        })
    }

    fn tell(&self, command: Command) {
        self.commands.send(command).expect("it listens");
    }

    fn open(&self, session: u32, next: i64, end: i64) {
        let partition = 0;
        self.tell(Command::Open {
            partition,
            session,
            next,
            end,
        });
    }

    fn produce(&self, count: usize) {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", &self.config.brokers);
        let producer: BaseProducer = settings.create().expect("a producer");
        let topic = self.config.topics().requests;
        for _ in 0..count {
            let record = BaseRecord::<[u8], [u8]>::to(&topic)
                .partition(0)
                .payload(b"x");
            producer.send(record).map_err(|(e, _)| e).expect("room");
        }
        producer.flush(PATIENCE).expect("acknowledged");
    }

    /// Offsets of `session` that the reader gives, until `wanted` of them are there.
    fn offsets(&self, session: u32, wanted: usize) -> Vec<i64> {
        let (mut taken, mut offsets) = (Taken::default(), Vec::new());
        let give_up = Instant::now() + PATIENCE;
        while offsets.len() < wanted {
            assert!(Instant::now() < give_up, "only {offsets:?} came");
            self.inbox.take(Duration::from_millis(100), &mut taken);
            for message in taken.messages.drain(..) {
                let Message::Records { records, .. } = message else {
                    panic!("nothing but records was to come")
                };
                let of = |read: &&Read| read.session == session;
                let malformed =
                    |read: &&Read| matches!(read.record, Some(InputRecord::Malformed { .. }));
                offsets.extend(
                    records
                        .iter()
                        .filter(of)
                        .filter(malformed)
                        .map(|r| r.offset),
                );
            }
        }
        offsets
    }

    fn end(self) {
        self.tell(Command::Stop);
        self.thread.join().expect("no panic");
    }
}

#[test]
fn a_partition_that_was_paused_and_closed_is_read_when_it_is_opened_again() {
    let Some(reader) = Under::test("paused") else {
        return;
    };
    reader.produce(3);
    reader.open(1, 0, 3);
    assert_eq!(reader.offsets(1, 3), [0, 1, 2]);
    reader.tell(Command::Pause { partition: 0 });
    reader.tell(Command::Close { partition: 0 });
    reader.open(2, 1, 3);
    assert_eq!(reader.offsets(2, 2), [1, 2]);
    reader.produce(1);
    assert_eq!(reader.offsets(2, 1), [3]);
    reader.end();
}

#[test]
fn a_position_that_only_seemed_lost_is_read_on_from() {
    let Some(reader) = Under::test("healed") else {
        return;
    };
    // Nothing is there yet at offset 2; soon there is.
    reader.open(1, 2, 2);
    reader.produce(4);
    assert_eq!(reader.offsets(1, 2), [2, 3]);
    reader.end();
}
