//! The configuration file: connections, bound queues, and which private addresses may be reached.
//!
//! Connections are written as for Amazon EventBridge's CreateConnection, so that what one has there can be taken over. A
//! text `${env:NAME}` or `${file:PATH}` stands for a secret kept elsewhere.

use crate::guard::Guard;
use crate::limits::CONFIG_BYTES_MAX;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// All of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Config {
    /// Who may be called with which credentials.
    pub connections: Vec<Connection>,
    /// Queues bound to a URL, by name.
    pub queues: BTreeMap<String, Bound>,
    /// Hosts (`intranet.example`), addresses (`10.1.2.3`) and networks (`10.0.0.0/8`) that may be reached although they are
    /// not public.
    pub allow: Vec<String>,
}

/// A connection, as in CreateConnection.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Connection {
    /// Name; the part of its ARN behind `connection/`.
    pub name: String,
    /// How.
    pub authorization_type: AuthorizationType,
    /// With what.
    pub auth_parameters: AuthParameters,
}

/// How a connection authorises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizationType {
    /// HTTP Basic (RFC 7617).
    Basic,
    /// A header of a name of one's own.
    ApiKey,
    /// A bearer token by OAuth 2.0's client credentials grant (RFC 6749, section 4.4).
    OauthClientCredentials,
}

/// With what a connection authorises; one of the first three by its type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AuthParameters {
    /// For `BASIC`.
    pub basic_auth_parameters: Option<Basic>,
    /// For `API_KEY`.
    pub api_key_auth_parameters: Option<ApiKey>,
    /// For `OAUTH_CLIENT_CREDENTIALS`.
    #[serde(rename = "OAuthParameters")]
    pub oauth_parameters: Option<OAuth>,
    /// Added to every call.
    pub invocation_http_parameters: HttpParameters,
}

/// User and password.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Basic {
    /// User.
    pub username: String,
    /// Password.
    pub password: String,
}

/// A header.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApiKey {
    /// Its name.
    pub api_key_name: String,
    /// Its value.
    pub api_key_value: String,
}

/// Where tokens come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OAuth {
    /// The token endpoint.
    pub authorization_endpoint: String,
    /// `POST` where nothing is said.
    #[serde(default = "post")]
    pub http_method: String,
    /// Who asks.
    pub client_parameters: Client,
    /// Added to the request for a token, such as a `scope`.
    #[serde(default, rename = "OAuthHttpParameters")]
    pub oauth_http_parameters: HttpParameters,
}

/// An OAuth client.
#[derive(Clone, Debug, Deserialize)]
pub struct Client {
    /// Its id.
    #[serde(rename = "ClientID")]
    pub id: String,
    /// Its secret.
    #[serde(rename = "ClientSecret")]
    pub secret: String,
}

/// Parameters added to a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HttpParameters {
    /// Headers.
    pub header_parameters: Vec<Parameter>,
    /// In the query.
    pub query_string_parameters: Vec<Parameter>,
    /// Members of a JSON body, or fields of a form.
    pub body_parameters: Vec<Parameter>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parameter {
    /// Name.
    pub key: String,
    /// Value.
    #[serde(default)]
    pub value: String,
}

/// A queue bound to a URL. Texts are templates: `{$.order.id}` is a part of the task's input, `{$$.Task.Token}`,
/// `{$$.Execution.Id}`, `{$$.State.Name}` and `{$$.State.RetryCount}` are of the task.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Bound {
    /// Where; what is filled in is percent-encoded.
    pub url: String,
    /// `POST` where nothing is said.
    #[serde(default = "post")]
    pub method: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Query.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// JSON whose texts are templates; a text that is one placeholder and nothing else becomes the value itself. The whole
    /// input where nothing is said, and no body for GET, HEAD and DELETE.
    pub body: Option<Value>,
    /// Name of a connection.
    pub connection: Option<String>,
    /// What the task's output is made of, as `Body` is, of `{"Headers", "ResponseBody", "StatusCode", "StatusText"}`. The
    /// response's body where nothing is said.
    pub output: Option<Value>,
    /// Calls at a time.
    pub concurrency: Option<usize>,
}

fn post() -> String {
    "POST".to_owned()
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let wrong =
            |what: &dyn std::fmt::Display| ConfigError(format!("{}: {what}", path.display()));
        let size = std::fs::metadata(path)
            .map_err(|error| wrong(&error))?
            .len();
        if size > CONFIG_BYTES_MAX {
            return Err(wrong(&format!(
                "{size} bytes are more than the {CONFIG_BYTES_MAX} allowed"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
        Self::parse(&text).map_err(|error| wrong(&error))
    }

    /// The same of a text.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut value: Value =
            serde_json::from_str(text).map_err(|error| ConfigError(error.to_string()))?;
        reveal(&mut value)?;
        let config: Self =
            serde_json::from_value(value).map_err(|error| ConfigError(error.to_string()))?;
        Guard::new(&config.allow)?;
        for connection in &config.connections {
            connection.check()?;
        }
        for (queue, bound) in &config.queues {
            if let Some(name) = &bound.connection
                && !config.connections.iter().any(|known| known.name == *name)
            {
                return Err(ConfigError(format!(
                    "queue {queue:?}: there is no connection {name:?}"
                )));
            }
        }
        Ok(config)
    }
}

impl Connection {
    fn check(&self) -> Result<(), ConfigError> {
        let (given, needed) = match self.authorization_type {
            AuthorizationType::Basic => (
                self.auth_parameters.basic_auth_parameters.is_some(),
                "BasicAuthParameters",
            ),
            AuthorizationType::ApiKey => (
                self.auth_parameters.api_key_auth_parameters.is_some(),
                "ApiKeyAuthParameters",
            ),
            AuthorizationType::OauthClientCredentials => (
                self.auth_parameters.oauth_parameters.is_some(),
                "OAuthParameters",
            ),
        };
        if given {
            Ok(())
        } else {
            Err(ConfigError(format!(
                "connection {:?}: its type needs {needed} in AuthParameters",
                self.name
            )))
        }
    }
}

/// Puts secrets in the place of what stands for them.
fn reveal(value: &mut Value) -> Result<(), ConfigError> {
    match value {
        Value::String(text) => {
            let inner = text
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'));
            if let Some(name) = inner.and_then(|inner| inner.strip_prefix("env:")) {
                *text = std::env::var(name).map_err(|error| {
                    ConfigError(format!("environment variable {name}: {error}"))
                })?;
            } else if let Some(path) = inner.and_then(|inner| inner.strip_prefix("file:")) {
                let secret = std::fs::read_to_string(path)
                    .map_err(|error| ConfigError(format!("{path}: {error}")))?;
                secret.trim_end_matches(['\n', '\r']).clone_into(text);
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(reveal),
        Value::Object(members) => members.values_mut().try_for_each(reveal),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_of_eventbridge_is_read() {
        let config = Config::parse(
            r#"{"Connections": [{"Name": "crm", "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {
                "OAuthParameters": {"AuthorizationEndpoint": "https://id.example/token", "HttpMethod": "POST",
                  "ClientParameters": {"ClientID": "a", "ClientSecret": "b"},
                  "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all", "IsValueSecret": false}]}}}}]}"#,
        )
        .unwrap();
        assert_eq!(
            config.connections[0].authorization_type,
            AuthorizationType::OauthClientCredentials
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("{", "EOF"),
            (r#"{"Conections": []}"#, "Conections"),
            (r#"{"Allow": ["10.0.0.0/99"]}"#, "10.0.0.0/99"),
            (
                r#"{"Queues": {"a": {"Url": "https://x", "Connection": "none"}}}"#,
                "no connection \"none\"",
            ),
            (
                r#"{"Connections": [{"Name": "c", "AuthorizationType": "BASIC", "AuthParameters": {}}]}"#,
                "BasicAuthParameters",
            ),
            (
                r#"{"Allow": ["${env:BATON_NO_SUCH_VARIABLE}"]}"#,
                "BATON_NO_SUCH_VARIABLE",
            ),
        ] {
            let said = Config::parse(text).unwrap_err().to_string();
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
