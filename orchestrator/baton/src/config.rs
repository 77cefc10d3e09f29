//! Configuration: flags over environment over file over defaults.
//!
//! Owns: reading them, refusing what is not known, and the defaults, each beside its field in [`Config::resolve`].

use crate::cli::{Arguments, LogFormat, Settings};
use crate::embedded::{self, ADDRESS_DEFAULT, Embedded};
use crate::telemetry::export::Target;
use baton_api::AccessKeys;
use baton_kafka::config::PARTITIONS_DEV;
use clap::CommandFactory;
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// What the program is told to do, complete and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Folder of everything on disk.
    pub folder: PathBuf,
    /// Directory of the local store: the folder, or beside the embedded broker's in it.
    pub data: PathBuf,
    /// The broker to start, if no Kafka was named.
    pub embedded: Option<Embedded>,
    /// Folder of binding files.
    pub bindings: Option<PathBuf>,
    /// URL of the object store of distributed Maps, if it isn't AWS's.
    pub s3_endpoint: Option<String>,
    /// Folder whose files distributed Maps may use.
    pub map_files: Option<PathBuf>,
    /// How Kafka is used.
    pub kafka: baton_kafka::Config,
    /// Most HTTP requests at a time.
    pub requests_max: usize,
    /// Keys that callers must show, if any.
    pub access_keys: AccessKeys,
    /// Longest orderly end.
    pub shutdown_timeout: Duration,
    /// Region in ARNs.
    pub region: String,
    /// Account in ARNs.
    pub account: String,
    /// How logs look.
    pub log: LogFormat,
    /// Which logs are written.
    pub log_filter: Option<String>,
    /// Where traces go, if anywhere.
    pub traces: Option<Target>,
}

/// Why the configuration can't be used, or the program can't run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

/// The file: the common settings, `[kafka]` verbatim, and `[auth]` with access keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    kafka: BTreeMap<String, Value>,
    auth: BTreeMap<String, String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

const PREFIX: &str = "BATON_";
/// Where HTTP is served if nobody says.
pub const HTTP_DEFAULT: ([u8; 4], u16) = ([127, 0, 0, 1], 7070);
/// The local store's folder beside the embedded broker's, and in that of `dev`.
pub const STORE: &str = "store";
const DAY_MS: i64 = 24 * 3_600 * 1_000;

impl Config {
    /// Reads flags (given), environment and file.
    ///
    /// # Errors
    /// What is unknown, missing or out of range, and where it was said.
    pub fn load(arguments: Arguments) -> Result<Self, Error> {
        Self::load_over(|_| Settings::default(), arguments)
    }

    /// The same with other defaults where `base` has some; it is told whether a Kafka is named.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_over(
        base: impl FnOnce(bool) -> Settings,
        arguments: Arguments,
    ) -> Result<Self, Error> {
        Self::check_environment()?;
        let (settings, mut kafka, auth) = match &arguments.config {
            Some(path) => with_file(path, &arguments.settings)?,
            None => (arguments.settings, HashMap::new(), BTreeMap::new()),
        };
        let in_file = kafka.remove("bootstrap.servers");
        let brokers = arguments.kafka.or(in_file);
        let settings: Settings = Figment::from(Serialized::defaults(base(brokers.is_some())))
            .merge(Serialized::defaults(settings))
            .extract()
            .map_err(|e| Error(e.to_string()))?;
        let embedded = embedded(&settings, arguments.ephemeral, brokers.as_deref(), &kafka)?;
        let access_keys = access_keys(settings.access_keys.as_deref(), auth)?;
        let config = Self::resolve(settings, brokers, embedded, kafka)?;
        Ok(Self {
            access_keys,
            ..config
        })
    }

    /// Refuses environment variables that look like settings and are none.
    ///
    /// # Errors
    /// The first of them.
    pub fn check_environment() -> Result<(), Error> {
        check_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
    }

    /// Fills in the defaults and checks what can be checked without Kafka.
    fn resolve(
        given: Settings,
        brokers: Option<String>,
        embedded: Option<Embedded>,
        passed_on: HashMap<String, String>,
    ) -> Result<Self, Error> {
        let host = host_name();
        let http = given.http.unwrap_or_else(|| HTTP_DEFAULT.into());
        let node = given.node.unwrap_or_else(|| host.clone());
        let url = given.url.unwrap_or_else(|| url_of(http, &host));
        let brokers = brokers.or_else(|| embedded.as_ref().map(|e| e.address.to_string()));
        let mut kafka = baton_kafka::Config::new(&brokers.unwrap_or_default(), &node, &url);
        if embedded.is_some() {
            kafka.partitions_default = PARTITIONS_DEV;
            kafka.queue_partitions = PARTITIONS_DEV;
        }
        kafka.kafka = passed_on;
        kafka.partitions = given.partitions;
        let days = given.closed_kept_days.map(|days| i64::from(days) * DAY_MS);
        set(&mut kafka.prefix, given.prefix);
        set(&mut kafka.queue_partitions, given.queue_partitions);
        set(&mut kafka.replication, given.replication);
        set(&mut kafka.create_topics, given.create_topics);
        set(&mut kafka.compression, given.compression);
        set(&mut kafka.session_timeout_ms, given.session_timeout_ms);
        set(&mut kafka.append_timeout_ms, given.append_timeout_ms);
        set(&mut kafka.open_executions_max, given.open_executions_max);
        set(&mut kafka.in_flight_max, given.in_flight_max);
        set(
            &mut kafka.restate_every_records,
            given.restate_every_records,
        );
        set(&mut kafka.closed_kept_ms, days);
        set(&mut kafka.names_kept_ms, days);
        kafka.check().map_err(|e| Error(e.to_string()))?;
        let folder = match &embedded {
            Some(embedded) if embedded.ephemeral => embedded::throw_away_folder()?,
            _ => given.data.unwrap_or_else(|| PathBuf::from("baton-data")),
        };
        Ok(Self {
            http,
            data: if embedded.is_some() {
                folder.join(STORE)
            } else {
                folder.clone()
            },
            folder,
            embedded,
            bindings: given.bindings,
            s3_endpoint: given.s3_endpoint,
            map_files: given.map_files,
            kafka,
            requests_max: given
                .requests_max
                .unwrap_or(baton_api::limits::REQUESTS_MAX),
            access_keys: AccessKeys::default(),
            shutdown_timeout: Duration::from_secs(given.shutdown_timeout_s.unwrap_or(30)),
            region: given.region.unwrap_or_else(|| "us-east-1".to_owned()),
            account: given.account.unwrap_or_else(|| "000000000000".to_owned()),
            log: given.log.unwrap_or_default(),
            log_filter: given.log_filter.or_else(|| std::env::var("RUST_LOG").ok()),
            traces: Target::new(given.otlp_endpoint, node.as_str().into(), |name| {
                std::env::var(name).ok()
            }),
        })
    }
}

/// The broker to start within the program, if no Kafka was named; settings that go with the other case are refused.
fn embedded(
    settings: &Settings,
    ephemeral: bool,
    brokers: Option<&str>,
    passed_on: &HashMap<String, String>,
) -> Result<Option<Embedded>, Error> {
    let refused = |what: &str, why: &str| Err(Error(format!("{what} {why}")));
    if let Some(brokers) = brokers {
        let why = format!(
            "is for the embedded broker, but Kafka is named too ({brokers}): leave one of them out"
        );
        return match (settings.broker, settings.broker_fsync, ephemeral) {
            (Some(_), ..) => refused("--broker", &why),
            (_, Some(_), _) => refused("--broker-fsync", &why),
            (.., true) => refused("--ephemeral", &why),
            _ => Ok(None),
        };
    }
    if passed_on.contains_key("security.protocol") {
        return refused(
            "[kafka] security.protocol",
            "is for a Kafka: name one by --kafka HOST:PORT, or bootstrap.servers in [kafka]",
        );
    }
    Ok(Some(Embedded {
        address: settings.broker.unwrap_or_else(|| ADDRESS_DEFAULT.into()),
        fsync: settings.broker_fsync.unwrap_or(true),
        ephemeral,
    }))
}

/// The keys of the file that is named, or those of `[auth]`.
fn access_keys(
    file: Option<&std::path::Path>,
    auth: BTreeMap<String, String>,
) -> Result<AccessKeys, Error> {
    match file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|e| e.to_string())
            .and_then(|text| AccessKeys::parse(&text))
            .map_err(|e| Error(format!("access keys: {}: {e}", path.display()))),
        None => AccessKeys::new(auth).map_err(|e| Error(format!("[auth]: {e}"))),
    }
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

/// Settings, `[kafka]` and `[auth]`.
type FromFile = (Settings, HashMap<String, String>, BTreeMap<String, String>);

/// The file's settings with the given ones over them, its `[kafka]` and its `[auth]`.
fn with_file(path: &std::path::Path, over: &Settings) -> Result<FromFile, Error> {
    let file: File = Figment::from(Toml::file_exact(path))
        .extract()
        .map_err(|e| in_file(path, &e))?;
    let settings = Figment::from(Serialized::defaults(file.rest))
        .merge(Serialized::defaults(over))
        .extract()
        .map_err(|e| in_file(path, &e))?;
    let mut kafka = HashMap::new();
    flatten("", &file.kafka.into_iter().collect(), &mut kafka)?;
    Ok((settings, kafka, file.auth))
}

fn in_file(path: &std::path::Path, error: &figment::Error) -> Error {
    let key = error.path.join(".");
    let at = if key.is_empty() {
        String::new()
    } else {
        format!(" `{key}`:")
    };
    Error(format!("{}:{at} {}", path.display(), error.kind))
}

/// `a.b.c = 1` in TOML is a table in a table; librdkafka's names have dots. Puts them together again.
fn flatten(prefix: &str, table: &Dict, into: &mut HashMap<String, String>) -> Result<(), Error> {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        let text = match value {
            Value::Dict(_, inner) => {
                flatten(&name, inner, into)?;
                continue;
            }
            Value::String(_, text) => text.clone(),
            Value::Bool(_, flag) => flag.to_string(),
            Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
                (Some(whole), _) => whole.to_string(),
                (None, Some(whole)) => whole.to_string(),
                (None, None) => number.to_f64().unwrap_or_default().to_string(),
            },
            _ => {
                let message = format!("[kafka] {name}: must be a text, a number or true or false");
                return Err(Error(message));
            }
        };
        into.insert(name, text);
    }
    Ok(())
}

/// Refuses `BATON_*` variables that mean nothing: a mistyped one must not be overlooked.
fn check_environment(names: impl Iterator<Item = String>) -> Result<(), Error> {
    let command = crate::cli::Cli::command();
    let mut known: Vec<String> = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned))
        .collect();
    known.sort();
    known.dedup();
    for name in names.filter(|name| name.starts_with(PREFIX)) {
        // Kubernetes sets these for a service that is called `baton`; tests have theirs.
        let foreign = name.starts_with("BATON_SERVICE_")
            || name.starts_with("BATON_PORT")
            || name.starts_with("BATON_TEST_");
        if !foreign && !known.contains(&name) {
            let message = format!(
                "the environment variable {name} means nothing; known are {}",
                known.join(", ")
            );
            return Err(Error(message));
        }
    }
    Ok(())
}

/// Where other nodes find this one, if nobody says.
fn url_of(http: SocketAddr, host: &str) -> String {
    let unspecified = match http.ip() {
        IpAddr::V4(ip) => ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    if unspecified {
        format!("http://{host}:{}", http.port())
    } else {
        format!("http://{http}")
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "baton".to_owned())
}

/// Parses a command line as the program does; for tests.
#[cfg(test)]
fn parsed(arguments: &[&str]) -> Result<Config, Error> {
    let all = ["baton", "serve"].iter().chain(arguments);
    let cli =
        <crate::cli::Cli as clap::Parser>::try_parse_from(all).map_err(|e| Error(e.to_string()))?;
    let crate::cli::Command::Serve(arguments) = cli.command else {
        panic!("`serve` was parsed");
    };
    Config::load(*arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration file in a directory of its own, removed afterwards.
    struct TomlFile(PathBuf);

    impl TomlFile {
        fn new(name: &str, text: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("baton-{}-{name}.toml", std::process::id()));
            std::fs::write(&path, text).unwrap();
            Self(path)
        }

        fn load(&self, arguments: &[&str]) -> Result<Config, Error> {
            let path = self.0.to_str().unwrap();
            parsed(&[&["--config", path], arguments].concat())
        }
    }

    impl Drop for TomlFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn defaults_on_a_kafka() {
        let config = parsed(&["--kafka", "localhost:9092"]).unwrap();
        assert_eq!(config.http.to_string(), "127.0.0.1:7070");
        assert_eq!(&*config.kafka.url, "http://127.0.0.1:7070");
        assert_eq!(config.kafka.prefix, "baton.");
        assert_eq!(config.data, PathBuf::from("baton-data"));
        assert_eq!(
            (config.embedded, config.kafka.queue_partitions),
            (None, baton_kafka::config::QUEUE_PARTITIONS_CLUSTER)
        );
    }

    #[test]
    fn without_a_kafka_the_embedded_broker_is_used() {
        let config = parsed(&[]).unwrap();
        assert_eq!(&*config.kafka.brokers, "127.0.0.1:9092");
        assert_eq!(config.data, PathBuf::from("baton-data/store"));
        assert_eq!(
            (
                config.kafka.partitions_default,
                config.kafka.queue_partitions
            ),
            (4, 4)
        );
        let embedded = config.embedded.unwrap();
        assert!(embedded.fsync && !embedded.ephemeral);
        let other = parsed(&["--broker", "127.0.0.1:9000", "--broker-fsync", "false"]).unwrap();
        assert_eq!(&*other.kafka.brokers, "127.0.0.1:9000");
        assert!(!other.embedded.unwrap().fsync);
        for both in [
            &["--broker", "127.0.0.1:9000"][..],
            &["--broker-fsync", "false"],
            &["--ephemeral"],
        ] {
            let error = parsed(&[&["--kafka", "b:1"], both].concat());
            let error = error.unwrap_err().to_string();
            assert!(error.contains(both[0]), "{error}");
        }
    }

    #[test]
    fn a_flag_overrides_the_file() {
        let text = "prefix = \"one.\"\npartitions = 4\nlog = \"json\"\n[kafka]\nbootstrap.servers = \"b:1\"\n";
        let file = TomlFile::new("override", text);
        let config = file.load(&["--prefix", "two."]).unwrap();
        assert_eq!(
            (&*config.kafka.prefix, config.kafka.partitions),
            ("two.", Some(4))
        );
        assert_eq!(
            (&*config.kafka.brokers, config.log),
            ("b:1", LogFormat::Json)
        );
        assert_eq!(file.load(&["--kafka", "b:2"]).unwrap().kafka.brokers, "b:2");
    }

    #[test]
    fn the_kafka_table_is_passed_on_with_dotted_names() {
        let text = "[kafka]\nsecurity.protocol = \"ssl\"\n\"fetch.wait.max.ms\" = 50\nlog.connection.close = false\n";
        let config = TomlFile::new("verbatim", text)
            .load(&["--kafka", "b:1"])
            .unwrap();
        let get = |name: &str| config.kafka.kafka.get(name).map(String::as_str);
        assert_eq!(get("security.protocol"), Some("ssl"));
        assert_eq!(get("fetch.wait.max.ms"), Some("50"));
        assert_eq!(get("log.connection.close"), Some("false"));
    }

    #[test]
    fn what_is_unknown_or_unsafe_is_refused_by_name() {
        for (name, text, expected) in [
            ("unknown", "prefx = \"x\"\n", "prefx"),
            ("type", "partitions = \"many\"\n", "partitions"),
            ("unsafe", "[kafka]\nacks = 1\n", "acks"),
            ("syntax", "prefix = \n", "TOML"),
        ] {
            let error = TomlFile::new(name, text)
                .load(&["--kafka", "b:1"])
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        let environment = |name: &str| check_environment([name.to_owned()].into_iter());
        assert!(
            environment("BATON_PREFX")
                .unwrap_err()
                .to_string()
                .contains("BATON_PREFIX")
        );
        assert!(environment("BATON_SERVICE_HOST").is_ok() && environment("HOME").is_ok());
    }

    #[test]
    fn every_setting_is_documented() {
        let page = include_str!("../../../docs/configuration.md");
        let command = crate::cli::Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        for argument in serve.get_arguments() {
            if let Some(flag) = argument.get_long().filter(|flag| *flag != "help") {
                assert!(
                    page.contains(&format!("`--{flag}`")),
                    "--{flag} is not in docs/configuration.md"
                );
            }
        }
    }
}
