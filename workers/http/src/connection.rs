//! Connections: what is added to a call so that the other side lets it in.
//!
//! Owns: the three kinds of authorisation and the OAuth tokens that are still good.

use crate::call::Transport;
use crate::config::{AuthParameters, AuthorizationType, Connection, HttpParameters, OAuth};
use crate::encode::ArrayFormat;
use crate::limits::{TOKEN_LIFE_DEFAULT, TOKEN_MARGIN};
use crate::request::{Request, bad};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use baton_worker::TaskError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A connection in use.
pub struct Authorizer {
    name: String,
    kind: AuthorizationType,
    parameters: AuthParameters,
    token: Mutex<Option<Token>>,
}

struct Token {
    header: String,
    good_until: Instant,
}

/// RFC 6749, section 5.1.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    #[serde(default)]
    token_type: String,
    expires_in: Option<f64>,
}

impl Authorizer {
    /// A connection as configured.
    pub fn new(connection: Connection) -> Self {
        Self {
            name: connection.name,
            kind: connection.authorization_type,
            parameters: connection.auth_parameters,
            token: Mutex::new(None),
        }
    }

    /// Adds what the connection adds.
    ///
    /// # Errors
    /// `Http.AuthorizationFailed` if no token was to be had.
    pub async fn authorize(
        &self,
        transport: &Transport,
        request: &mut Request,
    ) -> Result<(), TaskError> {
        let parameters = &self.parameters;
        match self.kind {
            AuthorizationType::Basic => {
                if let Some(basic) = &parameters.basic_auth_parameters {
                    let pair =
                        BASE64_STANDARD.encode(format!("{}:{}", basic.username, basic.password));
                    request.header("authorization", &format!("Basic {pair}"))?;
                }
            }
            AuthorizationType::ApiKey => {
                if let Some(key) = &parameters.api_key_auth_parameters {
                    request.header(&key.api_key_name, &key.api_key_value)?;
                }
            }
            AuthorizationType::OauthClientCredentials => {
                if let Some(oauth) = &parameters.oauth_parameters {
                    let header = self.bearer(oauth, transport).await?;
                    request.header("authorization", &header)?;
                }
            }
        }
        add(request, &parameters.invocation_http_parameters)
    }

    /// Forgets the token: the other side did not take it. Whether a new one may help.
    pub async fn refused(&self) -> bool {
        self.token.lock().await.take().is_some()
    }

    async fn bearer(&self, oauth: &OAuth, transport: &Transport) -> Result<String, TaskError> {
        // Held over the call: those who come meanwhile wait for this token instead of asking for more.
        let mut kept = self.token.lock().await;
        if let Some(token) = kept
            .as_ref()
            .filter(|token| Instant::now() < token.good_until)
        {
            return Ok(token.header.clone());
        }
        let token = self.ask(oauth, transport).await?;
        let header = token.header.clone();
        *kept = Some(token);
        Ok(header)
    }

    async fn ask(&self, oauth: &OAuth, transport: &Transport) -> Result<Token, TaskError> {
        let failed = |what: &str| {
            let name = &self.name;
            TaskError::new(
                "Http.AuthorizationFailed",
                format!("connection {name:?}: no token: {what}"),
            )
        };
        let mut request = Request::new(&oauth.authorization_endpoint, &oauth.http_method)?;
        let fields = json!({
            "grant_type": "client_credentials",
            "client_id": oauth.client_parameters.id,
            "client_secret": oauth.client_parameters.secret,
        });
        if request.method == reqwest::Method::GET {
            for (name, value) in fields.as_object().into_iter().flatten() {
                request.query(name, value);
            }
        } else {
            (request.body, request.form) = (Some(fields), Some(ArrayFormat::default()));
        }
        request.header("accept", "application/json")?;
        add(&mut request, &oauth.oauth_http_parameters)?;
        // It holds the client's secret: no other host may see it.
        request.connection = Some(self.name.clone());
        let answer = transport
            .send(request)
            .await
            .and_then(crate::response::Answer::or_failure);
        let answer = answer.map_err(|error| failed(&error.to_string()))?;
        let token: TokenResponse = serde_json::from_value(answer.body)
            .map_err(|error| failed(&format!("the answer is not RFC 6749's: {error}")))?;
        let life = token
            .expires_in
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
            .unwrap_or(TOKEN_LIFE_DEFAULT);
        let kind = if token.token_type.is_empty() {
            "Bearer"
        } else {
            token.token_type.as_str()
        };
        // Servers write "bearer" as well; some readers want it capital.
        let kind = if kind.eq_ignore_ascii_case("bearer") {
            "Bearer"
        } else {
            kind
        };
        Ok(Token {
            header: format!("{kind} {}", token.access_token),
            good_until: Instant::now() + life.saturating_sub(TOKEN_MARGIN),
        })
    }
}

fn add(request: &mut Request, more: &HttpParameters) -> Result<(), TaskError> {
    for header in &more.header_parameters {
        request.header(&header.key, &header.value)?;
    }
    for query in &more.query_string_parameters {
        request.query(&query.key, &Value::from(query.value.as_str()));
    }
    if more.body_parameters.is_empty() {
        return Ok(());
    }
    let body = request.body.get_or_insert_with(|| json!({}));
    let members = body.as_object_mut();
    let members = members
        .ok_or_else(|| bad("the connection adds to the body, which is not a JSON object"))?;
    for field in &more.body_parameters {
        members.insert(field.key.clone(), field.value.as_str().into());
    }
    Ok(())
}
