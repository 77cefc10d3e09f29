//! Binding files: one small JSON file a binding, `NAME.json`.
//!
//! Owns: their form, and every error that can be seen without Kafka, all files at once.

use baton_kafka::binding::Begin;
use baton_schemas::arn::{name_problem, state_machine_arn};
use baton_schemas::topics::TOPIC_LENGTH_MAX;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Most binding files of a folder: each has a thread and clients of its own.
pub const BINDINGS_MAX: usize = 64;
/// Largest binding file, bytes: a definition of 1 MiB fits.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingFile {
    /// The file's name without `.json`.
    pub name: Arc<str>,
    /// Topic to read.
    pub topic: Arc<str>,
    /// Where to begin when the binding is new.
    pub from: Begin,
    /// Name or ARN of the machine to start.
    pub machine: Arc<str>,
    /// The machine's ASL text, if the file brings it along.
    pub definition: Option<Arc<str>>,
}

/// The files of a folder by name; what is wrong with a file is said in its place.
pub type Files = BTreeMap<Arc<str>, Result<BindingFile, String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text<'a> {
    topic: Option<String>,
    from: Option<String>,
    start: Option<String>,
    #[serde(borrow)]
    definition: Option<&'a RawValue>,
}

/// Reads the folder.
///
/// # Errors
/// The folder can't be read, or holds more than [`BINDINGS_MAX`] files.
pub fn read(folder: &Path) -> Result<Files, String> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder)
        .map_err(|e| format!("{shown}: the folder of bindings can't be read: {e}"))?;
    let mut files = Files::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("{shown}: {e}"))?.path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let name: Arc<str> = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into();
        let binding = one(&path, &name).map_err(|e| format!("{}: {e}", path.display()));
        files.insert(name, binding);
    }
    if files.len() > BINDINGS_MAX {
        let count = files.len();
        return Err(format!(
            "{shown}: {count} bindings; at most {BINDINGS_MAX} are possible"
        ));
    }
    refuse_doubles(&mut files);
    Ok(files)
}

/// The ARN of the machine that a binding starts.
pub fn machine_arn(machine: &str, region: &str, account: &str) -> Arc<str> {
    if machine.starts_with("arn:") {
        return machine.into();
    }
    state_machine_arn(region, account, machine)
}

fn one(path: &Path, name: &Arc<str>) -> Result<BindingFile, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!(
            "has {size} bytes; at most {FILE_BYTES_MAX} are possible"
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    parse(name, &text)
}

/// Reads one file's text.
fn parse(name: &Arc<str>, text: &str) -> Result<BindingFile, String> {
    if let Some(problem) = name_problem(name) {
        return Err(format!(
            "the file's name is the binding's, and it {problem}"
        ));
    }
    let text: Text<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let needed = |field: &str, found: Option<String>, what: &str| {
        found
            .filter(|text| !text.is_empty())
            .ok_or_else(|| format!("`{field}` is missing: {what}"))
    };
    let topic = needed(
        "topic",
        text.topic,
        "the topic whose records start executions",
    )?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if topic.len() > TOPIC_LENGTH_MAX || !topic.chars().all(allowed) {
        return Err(format!("`topic` is {topic:?}: Kafka has no such name"));
    }
    let choice = "\"beginning\" (with all that the topic still has) or \"end\" (with what comes from now on)";
    let from = match needed("from", text.from, choice)?.as_str() {
        "beginning" => Begin::Beginning,
        "end" => Begin::End,
        other => return Err(format!("`from` is {other:?}: must be {choice}")),
    };
    let machine = needed(
        "start",
        text.start,
        "the name or ARN of the state machine to start",
    )?;
    let is_arn = machine.starts_with("arn:");
    if let Some(problem) = name_problem(&machine).filter(|_| !is_arn) {
        return Err(format!("`start` is {machine:?}: the name {problem}"));
    }
    if is_arn && text.definition.is_some() {
        return Err("`start` is an ARN: a definition in the file needs a name".to_owned());
    }
    Ok(BindingFile {
        name: name.clone(),
        topic: topic.into(),
        from,
        machine: machine.into(),
        definition: text.definition.map(|text| text.get().into()),
    })
}

/// Two bindings of one topic to one machine would be one start each record: surely a mistake.
fn refuse_doubles(files: &mut Files) {
    let mut seen: BTreeMap<(Arc<str>, Arc<str>), Arc<str>> = BTreeMap::new();
    for (name, file) in files {
        let Ok(binding) = file else { continue };
        let key = (binding.topic.clone(), binding.machine.clone());
        if let Some(first) = seen.get(&key) {
            let (topic, machine) = &key;
            *file = Err(format!(
                "{name}: binds {topic} to {machine}, as {first} does already"
            ));
        } else {
            seen.insert(key, name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(text: &str) -> Result<BindingFile, String> {
        parse(&"orders".into(), text)
    }

    #[test]
    fn a_file_may_bring_its_machine_along() {
        let text =
            r#"{"topic": "t", "from": "end", "start": "m", "definition": {"StartAt":  "A"}}"#;
        let binding = read_one(text).unwrap();
        assert_eq!(
            (&*binding.topic, &*binding.machine, binding.from),
            ("t", "m", Begin::End)
        );
        assert_eq!(binding.definition.as_deref(), Some(r#"{"StartAt":  "A"}"#));
        let arn = machine_arn(&binding.machine, "r", "a");
        assert_eq!(&*arn, "arn:aws:states:r:a:stateMachine:m");
        assert_eq!(machine_arn(&arn, "x", "y"), arn);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        for (text, why) in [
            (r#"{"from": "end", "start": "m"}"#, "`topic` is missing"),
            (
                r#"{"topic": "a/b", "from": "end", "start": "m"}"#,
                "Kafka has no such name",
            ),
            (
                r#"{"topic": "t", "start": "m"}"#,
                "`from` is missing: \"beginning\"",
            ),
            (
                r#"{"topic": "t", "from": "now", "start": "m"}"#,
                "`from` is \"now\"",
            ),
            (r#"{"topic": "t", "from": "end"}"#, "`start` is missing"),
            (
                r#"{"topic": "t", "from": "end", "start": "a b"}"#,
                "contains ' '",
            ),
            (
                r#"{"topic": "t", "from": "end", "start": "m", "filter": {}}"#,
                "unknown field `filter`",
            ),
            (r#"{"topic": "#, "EOF"),
        ] {
            let error = read_one(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn the_same_start_twice_is_refused() {
        let binding = read_one(r#"{"topic": "t", "from": "end", "start": "m"}"#).unwrap();
        let mut files = Files::from([("a".into(), Ok(binding.clone())), ("b".into(), Ok(binding))]);
        refuse_doubles(&mut files);
        assert!(files["a"].is_ok());
        assert!(
            files["b"]
                .as_ref()
                .unwrap_err()
                .contains("as a does already")
        );
    }
}
