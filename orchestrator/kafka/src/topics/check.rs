//! Whether a topic that is there can be used. Pure: facts in, findings out.

use super::spec::{Rule, TopicSpec};
use std::collections::BTreeMap;

/// What the broker says of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Number of partitions.
    pub partitions: i32,
    /// Replicas of the first partition.
    pub replicas: usize,
    /// Settings by name.
    pub settings: BTreeMap<String, String>,
}

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("topic {topic}: {what} is {found}, but must be {wanted}; {mend}")]
pub struct Finding {
    /// The topic.
    pub topic: String,
    /// What is wrong.
    pub what: String,
    /// How it is.
    pub found: String,
    /// How it must be.
    pub wanted: String,
    /// The command that mends it.
    pub mend: String,
}

/// Everything that is wrong with a topic.
pub fn check(spec: &TopicSpec, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if spec.partitions_fixed && facts.partitions != spec.partitions {
        findings.push(partitions(spec, facts.partitions));
    }
    for (name, rule) in &spec.settings {
        // A broker that doesn't say can't be checked.
        let Some(found) = facts.settings.get(*name) else {
            continue;
        };
        let wanted = match rule {
            Rule::Exactly(value) if value != found => value.clone(),
            Rule::AtLeast(least) if found.parse().is_ok_and(|n: i64| n != -1 && n < *least) => {
                format!("{least} or more")
            }
            _ => continue,
        };
        findings.push(setting(spec, name, found, &wanted, &rule.value()));
    }
    let in_sync = facts
        .settings
        .get("min.insync.replicas")
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let keeps_state = spec
        .settings
        .iter()
        .any(|(name, _)| *name == "unclean.leader.election.enable");
    if keeps_state && facts.replicas > 1 && in_sync < 2 {
        findings.push(setting(
            spec,
            "min.insync.replicas",
            &in_sync.to_string(),
            "2 or more",
            "2",
        ));
    }
    findings
}

fn partitions(spec: &TopicSpec, found: i32) -> Finding {
    let name = &spec.name;
    let mend = if found < spec.partitions {
        format!(
            "if the topic is still empty: kafka-topics.sh --alter --topic {name} --partitions {}",
            spec.partitions
        )
    } else {
        format!(
            "set `partitions = {found}` if nothing has been recorded yet, or use another `prefix`"
        )
    };
    let wanted = spec.partitions.to_string();
    Finding {
        topic: name.clone(),
        what: "the number of partitions".to_owned(),
        found: found.to_string(),
        wanted,
        mend,
    }
}

fn setting(spec: &TopicSpec, name: &str, found: &str, wanted: &str, value: &str) -> Finding {
    Finding {
        topic: spec.name.clone(),
        what: name.to_owned(),
        found: found.to_owned(),
        wanted: wanted.to_owned(),
        mend: format!(
            "kafka-configs.sh --alter --entity-type topics --entity-name {} --add-config {name}={value}",
            spec.name
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::specs;
    use super::*;
    use crate::config::Config;

    fn history() -> (TopicSpec, Facts) {
        let spec = specs(&Config::new("b:9092", "n", "http://n"), 4).swap_remove(0);
        let settings = spec
            .settings
            .iter()
            .map(|(name, rule)| ((*name).to_owned(), rule.value()))
            .collect();
        let facts = Facts {
            partitions: 4,
            replicas: 1,
            settings,
        };
        (spec, facts)
    }

    #[test]
    fn a_topic_as_we_make_it_passes() {
        let (spec, facts) = history();
        assert_eq!(check(&spec, &facts), []);
    }

    #[test]
    fn each_danger_is_found_and_says_how_to_mend_it() {
        for (name, bad) in [
            ("cleanup.policy", "compact"),
            ("retention.ms", "604800000"),
            ("retention.bytes", "1000"),
            ("message.timestamp.type", "CreateTime"),
            ("unclean.leader.election.enable", "true"),
            ("max.message.bytes", "1048588"),
        ] {
            let (spec, mut facts) = history();
            facts.settings.insert(name.to_owned(), bad.to_owned());
            let findings = check(&spec, &facts);
            assert_eq!(findings.len(), 1, "{name}");
            let text = findings[0].to_string();
            assert!(
                text.contains(bad) && text.contains("kafka-configs.sh") && text.contains(name),
                "{text}"
            );
        }
    }

    #[test]
    fn the_number_of_partitions_must_fit() {
        let (spec, mut facts) = history();
        facts.partitions = 3;
        assert!(
            check(&spec, &facts)[0]
                .to_string()
                .contains("--partitions 4")
        );
        facts.partitions = 8;
        assert!(
            check(&spec, &facts)[0]
                .to_string()
                .contains("partitions = 8")
        );
    }

    #[test]
    fn a_replicated_topic_needs_two_in_sync() {
        let (spec, mut facts) = history();
        facts.replicas = 3;
        facts
            .settings
            .insert("min.insync.replicas".to_owned(), "1".to_owned());
        assert!(
            check(&spec, &facts)[0]
                .to_string()
                .contains("min.insync.replicas=2")
        );
        facts
            .settings
            .insert("min.insync.replicas".to_owned(), "2".to_owned());
        assert_eq!(check(&spec, &facts), []);
    }
}
