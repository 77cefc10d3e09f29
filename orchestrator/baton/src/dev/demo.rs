//! The example workflows in a `dev` node: their files, topics, machines and first events.

use super::make;
use crate::config::{Config, Error};
use baton_api::App;
use baton_examples::demo;
use baton_kafka::topics::{Admin, Rule, TopicSpec};
use std::path::Path;

/// Partitions of the topics that events come on.
const PARTITIONS: i32 = 1;

/// Writes the demo's files where they are missing; what is there may have been changed by the user and stays.
pub fn write_files(folder: &Path) -> Result<(), Error> {
    for (name, content) in demo::FILES {
        let file = folder.join(name);
        if let Some(parent) = file.parent() {
            make(parent)?;
        }
        let is_new = !file.exists();
        if is_new {
            std::fs::write(&file, content)
                .map_err(|e| Error(format!("{}: {e}", file.display())))?;
        }
    }
    Ok(())
}

/// Makes topics and machines; sends the events to try to topics that are new, so that there is something to see.
pub async fn prepare(config: &Config, app: &App) -> Result<(), Error> {
    let kafka = config.kafka.clone();
    let prepared = tokio::task::spawn_blocking(move || topics_and_events(&kafka)).await;
    prepared.map_err(|e| Error(e.to_string()))??;
    for (name, definition) in demo::MACHINES {
        app.put_machine(name, definition)
            .await
            .map_err(|e| Error(format!("the demo's machine {name}: {e}")))?;
    }
    Ok(())
}

fn topics_and_events(config: &baton_kafka::Config) -> Result<(), Error> {
    let told = |e: &dyn std::fmt::Display| Error(format!("the demo's topics: {e}"));
    let admin = Admin::new(config).map_err(|e| told(&e))?;
    for (topic, key, event) in demo::EVENTS {
        if admin.partitions(topic).map_err(|e| told(&e))?.is_some() {
            continue;
        }
        let spec = TopicSpec {
            name: topic.to_owned(),
            partitions: PARTITIONS,
            partitions_fixed: false,
            settings: vec![("cleanup.policy", Rule::Default("delete".to_owned()))],
        };
        admin.ensure(&[spec]).map_err(|e| told(&e))?;
        baton_kafka::publish(config, topic, Some(key), event.as_bytes()).map_err(|e| told(&e))?;
    }
    Ok(())
}
