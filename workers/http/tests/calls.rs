//! Calls of a real server on loopback, from command to completion, without Kafka.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::any;
use baton_worker::testing::{Harness, outcome};
use baton_worker::{Task, TaskError};
use baton_worker_http::{Caller, Config};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Default)]
struct Seen {
    tokens: Arc<AtomicUsize>,
}

/// Serves on loopback; its address.
async fn server() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("its address");
    let router = Router::new()
        .route("/echo/{*rest}", any(echo))
        .route(
            "/status/{code}",
            any(
                async |axum::extract::Path(code): axum::extract::Path<u16>| {
                    (
                        StatusCode::from_u16(code).expect("a status"),
                        Json(json!({"why": "because"})),
                    )
                },
            ),
        )
        .route(
            "/metadata",
            any(async || Redirect::temporary("http://169.254.169.254/latest/meta-data")),
        )
        .route("/moved", any(async || Redirect::to("/echo/there")))
        .route(
            "/elsewhere",
            any(move || async move {
                Redirect::temporary(&format!("http://localhost:{}/echo/x", address.port()))
            }),
        )
        .route("/large", any(async || "x".repeat(300_000)))
        .route("/token", any(token))
        .route("/guarded", any(guarded))
        .with_state(Seen::default());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn echo(uri: Uri, method: axum::http::Method, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let text = String::from_utf8_lossy(&body).into_owned();
    let said = json!({
        "method": method.as_str(), "path": uri.path(), "query": uri.query(), "body": text,
        "type": header("content-type"), "authorization": header("authorization"), "key": header("x-api-key"),
    });
    Json(said).into_response()
}

/// RFC 6749: counts what it gives out.
async fn token(State(seen): State<Seen>, body: String) -> Response {
    assert!(body.contains("grant_type=client_credentials"), "{body}");
    if !body.contains("client_secret=hush") || !body.contains("scope=all") {
        return (StatusCode::UNAUTHORIZED, body).into_response();
    }
    let number = seen.tokens.fetch_add(1, Ordering::SeqCst) + 1;
    Json(json!({"access_token": format!("t{number}"), "token_type": "bearer", "expires_in": 3600}))
        .into_response()
}

/// Takes the second token and those after it: the first is as if it had been withdrawn.
async fn guarded(State(seen): State<Seen>, headers: HeaderMap) -> Response {
    let given = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match given {
        "Bearer t1" | "" => StatusCode::UNAUTHORIZED.into_response(),
        _ => Json(json!({"with": given, "tokens": seen.tokens.load(Ordering::SeqCst)}))
            .into_response(),
    }
}

fn worker(config: Value) -> Harness {
    let caller = Caller::new(Config::parse(&config.to_string()).expect("a configuration"))
        .expect("a caller");
    Harness::new("aws-sdk.http", move |task: Task| {
        let caller = caller.clone();
        async move { caller.invoke(task).await }
    })
}

async fn call(harness: &mut Harness, parameters: Value) -> Result<Value, TaskError> {
    outcome(&harness.call(parameters).await)
}

fn allowed() -> Value {
    json!({"Allow": ["127.0.0.1", "localhost"]})
}

#[tokio::test]
async fn an_http_task_is_called_as_its_parameters_say() {
    let at = server().await;
    let mut harness = worker(allowed());
    let output = call(&mut harness, json!({
        "ApiEndpoint": format!("http://{at}/echo/a"), "Method": "POST", "Headers": {"x-api-key": "k"},
        "QueryParameters": {"q": ["a b", 2]}, "RequestBody": {"n": 1},
    })).await.unwrap();
    assert_eq!(
        (&output["StatusCode"], &output["StatusText"]),
        (&json!(200), &json!("OK"))
    );
    assert_eq!(
        output["Headers"]["content-type"],
        json!(["application/json"])
    );
    let body = &output["ResponseBody"];
    assert_eq!(body["query"], "q=a+b&q=2");
    assert_eq!(
        (&body["body"], &body["type"], &body["key"]),
        (&json!("{\"n\":1}"), &json!("application/json"), &json!("k"))
    );
    let output = call(&mut harness, json!({
        "ApiEndpoint": format!("http://{at}/echo/a"), "Method": "POST", "RequestBody": {"a": [1, 2]},
        "Transform": {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "REPEAT"}},
    })).await.unwrap();
    assert_eq!(output["ResponseBody"]["body"], "a=1&a=2");
}

#[tokio::test]
async fn failures_have_step_functions_names() {
    let at = server().await;
    let mut harness = worker(allowed());
    let mut failure = async |url: String| {
        call(&mut harness, json!({"ApiEndpoint": url, "Method": "GET"}))
            .await
            .unwrap_err()
    };
    let missing = failure(format!("http://{at}/status/404")).await;
    assert_eq!(
        missing,
        TaskError::new("States.Http.StatusCode.404", "{\"why\":\"because\"}")
    );
    assert_eq!(
        failure("http://127.0.0.1:1/".to_owned()).await.error,
        "States.Http.Socket"
    );
    assert_eq!(
        failure(format!("http://{at}/large")).await.error,
        "States.DataLimitExceeded"
    );
    assert_eq!(
        failure("ftp://example.com/".to_owned()).await.error,
        "Worker.BadInput"
    );
    assert_eq!(
        failure(format!("http://user:pw@{at}/")).await.error,
        "Worker.BadInput"
    );
}

#[tokio::test]
async fn private_addresses_are_refused_also_by_name_and_after_a_redirect() {
    let at = server().await;
    let refused = "Http.AddressRefused";
    let mut closed = worker(json!({}));
    for url in [
        format!("http://{at}/echo/a"),
        format!("http://localhost:{}/echo/a", at.port()),
        "http://169.254.169.254/".to_owned(),
    ] {
        let error = call(&mut closed, json!({"ApiEndpoint": url, "Method": "GET"}))
            .await
            .unwrap_err();
        assert_eq!(error.error, refused, "{error}");
    }
    let mut open = worker(allowed());
    let error = call(
        &mut open,
        json!({"ApiEndpoint": format!("http://{at}/metadata"), "Method": "GET"}),
    )
    .await
    .unwrap_err();
    assert_eq!(error.error, refused, "{error}");
    let followed = call(
        &mut open,
        json!({"ApiEndpoint": format!("http://{at}/moved"), "Method": "POST", "RequestBody": {}}),
    )
    .await
    .unwrap();
    assert_eq!(
        (
            &followed["ResponseBody"]["path"],
            &followed["ResponseBody"]["method"]
        ),
        (&json!("/echo/there"), &json!("GET"))
    );
}

#[tokio::test]
async fn connections_authorise_and_stay_with_their_host() {
    let at = server().await;
    let mut config = allowed();
    config["Connections"] = json!([
        {"Name": "basic", "AuthorizationType": "BASIC", "AuthParameters": {"BasicAuthParameters": {"Username": "u", "Password": "p"},
            "InvocationHttpParameters": {"BodyParameters": [{"Key": "tenant", "Value": "7"}]}}},
        {"Name": "key", "AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "k"}}},
        {"Name": "oauth", "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {"OAuthParameters": {
            "AuthorizationEndpoint": format!("http://{at}/token"), "HttpMethod": "POST",
            "ClientParameters": {"ClientID": "me", "ClientSecret": "hush"},
            "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all"}]}}}},
    ]);
    let mut harness = worker(config);
    let mut with = async |path: &str, connection: &str| {
        let arn = format!("arn:aws:events:us-east-1:000000000000:connection/{connection}/1");
        let parameters = json!({"ApiEndpoint": format!("http://{at}{path}"), "Method": "POST", "RequestBody": {"n": 1},
            "Authentication": {"ConnectionArn": arn}});
        call(&mut harness, parameters).await
    };
    let basic = with("/echo/a", "basic").await.unwrap();
    assert_eq!(basic["ResponseBody"]["authorization"], "Basic dTpw");
    assert_eq!(basic["ResponseBody"]["body"], "{\"n\":1,\"tenant\":\"7\"}");
    assert_eq!(
        with("/echo/a", "key").await.unwrap()["ResponseBody"]["key"],
        "k"
    );
    let elsewhere = with("/elsewhere", "key").await.unwrap_err();
    assert_eq!(
        elsewhere.error, "States.Http.StatusCode.307",
        "another host must not see the key"
    );
    let first = with("/guarded", "oauth").await.unwrap();
    assert_eq!(
        first["ResponseBody"],
        json!({"with": "Bearer t2", "tokens": 2}),
        "a withdrawn token is renewed"
    );
    assert_eq!(
        with("/guarded", "oauth").await.unwrap()["ResponseBody"]["tokens"],
        2,
        "a good one is used again"
    );
    assert_eq!(
        with("/echo/a", "none").await.unwrap_err().error,
        "Http.AuthorizationFailed"
    );
}

#[tokio::test]
async fn a_bound_queue_fills_its_templates() {
    let at = server().await;
    let mut config = allowed();
    config["Queues"] = json!({"charge": {
        "Url": format!("http://{at}/echo/{{$.order.id}}"), "Query": {"state": "{$$.State.Name}"},
        "Body": {"amount": "{$.order.amount}"}, "Output": {"path": "{$.ResponseBody.path}", "sent": "{$.ResponseBody.body}", "query": "{$.ResponseBody.query}"},
    }});
    let caller = Caller::new(Config::parse(&config.to_string()).expect("a configuration"))
        .expect("a caller");
    assert_eq!(caller.queues().collect::<Vec<_>>(), [("charge", None)]);
    let mut harness = Harness::new("charge", move |task: Task| {
        let caller = caller.clone();
        async move { caller.bound(task).await }
    });
    let output = call(&mut harness, json!({"order": {"id": "a/b", "amount": 5}}))
        .await
        .unwrap();
    assert_eq!(
        output,
        json!({"path": "/echo/a%2Fb", "sent": "{\"amount\":5}", "query": "state=Test"})
    );
    assert_eq!(
        call(&mut harness, json!({"order": {}}))
            .await
            .unwrap_err()
            .error,
        "Worker.BadInput"
    );
}
