//! What rdkafka must be able to do with the embedded broker: `baton-broker-rdkafka ADDRESS` runs every check and says
//! `ok NAME` or `failed NAME: why` of each.
//!
//! Owns: the list of checks. Must not: start a broker; the tests in Python do. `commit` and `committed` after the address
//! are for tests that restart it in between.

mod client;
mod groups;
mod records;

use client::Client;
use std::error::Error;

/// What a check says: nothing, or why it failed.
type Checked = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Checked {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [address] => run_all(address).await,
        [address, "commit", group, topic, offset] => {
            groups::commit(&Client::new(address, ""), group, topic, offset.parse()?)
        }
        [address, "committed", group, topic] => {
            groups::committed(&Client::new(address, ""), group, topic)
        }
        _ => Err("usage: ADDRESS [commit GROUP TOPIC OFFSET | committed GROUP TOPIC]".into()),
    }
}

async fn run_all(address: &str) -> Checked {
    let client = |name| Client::new(address, name);
    say("everyCodec", records::every_codec(&client("codec")).await);
    say("recordParts", records::parts(&client("parts")).await);
    say(
        "seekAndTimes",
        records::seek_and_times(&client("seek")).await,
    );
    say(
        "idempotentProducer",
        records::idempotent(&client("idempotent")).await,
    );
    say("deleteRecords", records::delete(&client("delete")).await);
    say(
        "transactionsAreRefused",
        records::transactions(&client("transactions")).await,
    );
    for strategy in ["range", "cooperative-sticky"] {
        let name = format!("{strategy}MembersShare");
        say(&name, groups::share(&client(strategy), strategy).await);
    }
    Ok(())
}

fn say(name: &str, checked: Checked) {
    match checked {
        Ok(()) => println!("ok {name}"),
        Err(why) => println!("failed {name}: {why}"),
    }
}
