//! Any bytes from a client of the broker, one request after the other, through the server and what answers them. Each
//! input has a broker of its own with a topic in it, so that it does again what it did.
#![no_main]

use baton_broker::log::{Logs, Settings as LogSettings};
use baton_broker::server::{Settings, serve};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

#[path = "../support/batches.rs"]
mod batches;
#[path = "../support/frames.rs"]
mod frames;
#[path = "../support/ground.rs"]
mod ground;
#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/pieces.rs"]
mod pieces;

/// A broker with a topic and one client of a few kB.
const BYTES_MAX: usize = 64 << 20;
const REQUESTS_MAX: usize = 8;
/// Requests may wait (Fetch, JoinGroup); the next one is sent all the same.
const PATIENCE: Duration = Duration::from_millis(5);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
});

/// A data directory with a topic and some records in it.
static BEGINNING: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = ground::fresh("beginning");
    let logs = Logs::open(&dir, LogSettings { fsync: false }).expect("opens");
    let config = BTreeMap::from([("segment.bytes".to_owned(), "200".to_owned())]);
    logs.create_topic(frames::TOPIC, 2, &config).expect("made");
    for records in frames::batches() {
        let appended = RUNTIME.block_on(logs.append(frames::TOPIC, 0, records));
        appended.expect("appended");
    }
    logs.close();
    dir
});

fuzz_target!(
    init: { ground::seeds_if_asked(seeds); },
    |bytes: &[u8]| {
        let dir = ground::fresh("broker");
        copy(&BEGINNING, &dir);
        memory::within(BYTES_MAX, || RUNTIME.block_on(run(dir, bytes)));
    }
);

/// Copies what is below a directory into another one.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("it is there") {
        let path = entry.expect("an entry").path();
        let place = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &place);
        } else {
            fs::copy(&path, &place).expect("copied");
        }
    }
}

/// The first byte says whether the rest is sent as it stands or as requests with their lengths.
async fn run(dir: PathBuf, bytes: &[u8]) {
    let mut settings = Settings::new(dir, ([127, 0, 0, 1], 0).into());
    settings.fsync = false;
    let broker = serve(settings).await.expect("starts");
    if let Some((how, bytes)) = bytes.split_first() {
        let requests = pieces::pieces(bytes, REQUESTS_MAX);
        if how & 1 == 1 {
            send(broker.address, &[bytes.to_vec()]).await;
        } else {
            let requests: Vec<Vec<u8>> = requests
                .into_iter()
                .filter(|request| frames::has_head(request))
                .map(frames::framed)
                .collect();
            send(broker.address, &requests).await;
        }
    }
    let versions = frames::framed(&[0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
    assert!(
        send(broker.address, &[versions]).await > 0,
        "the broker still answers"
    );
    broker.shutdown().await;
}

/// Sends one after the other, each when the last was answered or has waited long enough; the bytes that came back.
async fn send(address: SocketAddr, requests: &[Vec<u8>]) -> usize {
    let mut stream = TcpStream::connect(address)
        .await
        .expect("the broker listens");
    let mut answers = vec![0; 64 << 10];
    let mut came = 0;
    for request in requests {
        // A broker that is quicker to refuse than we to send is no failure.
        if stream.write_all(request).await.is_err() {
            return came;
        }
        match timeout(PATIENCE, stream.read(&mut answers)).await {
            Ok(Ok(0) | Err(_)) => return came,
            Ok(Ok(bytes)) => came += bytes,
            Err(_) => {}
        }
    }
    let _ = stream.shutdown().await;
    while let Ok(bytes @ 1..) = stream.read(&mut answers).await {
        came += bytes;
    }
    came
}

/// Every request alone, and some that belong together.
fn seeds() -> Vec<Vec<u8>> {
    let examples = frames::examples();
    let mut all: Vec<Vec<u8>> = examples
        .iter()
        .map(|example| [&[0], &example[..]].concat())
        .collect();
    for group in examples.chunks(REQUESTS_MAX) {
        let mut seed = vec![0];
        seed.extend(group.join(pieces::BETWEEN));
        all.push(seed);
        let raw: Vec<u8> = group
            .iter()
            .flat_map(|example| frames::framed(example))
            .collect();
        all.push([&[1], &raw[..]].concat());
    }
    all
}
