//! Runs the broker alone: `cargo run --release -p baton-broker --example broker -- DIR ADDRESS [--no-fsync]`.
//!
//! It says on its first line where it listens (port 0 takes a free one), and ends on SIGTERM or Ctrl-C.

use baton_broker::server::{Settings, User, serve};
use std::time::Duration;
use tokio::signal::unix::SignalKind;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let mut settings = Settings::new(".", ([127, 0, 0, 1], 9092).into());
    let mut named = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--no-fsync" => settings.fsync = false,
            "--no-auto-create" => settings.auto_create_topics = false,
            "--user" => {
                let value = value()?;
                let (name, password) = value.split_once(':').ok_or("--user NAME:PASSWORD")?;
                settings.users.push(User {
                    name: name.to_owned(),
                    password: password.to_owned(),
                });
            }
            "--housekeeping-ms" => {
                settings.housekeeping_every = Duration::from_millis(value()?.parse()?)
            }
            _ => named.push(argument),
        }
    }
    let [dir, address] = named.as_slice() else {
        return Err("usage: broker DIR ADDRESS [--no-fsync] [--no-auto-create] [--user NAME:PASSWORD] [--housekeeping-ms N]".into());
    };
    settings.data_dir = dir.into();
    settings.listen = address.parse()?;
    let broker = serve(settings).await?;
    println!("listening on {}", broker.address);
    let mut terminated = tokio::signal::unix::signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    broker.shutdown().await;
    Ok(())
}
