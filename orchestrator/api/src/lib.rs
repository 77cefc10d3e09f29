//! The HTTP API: the AWS JSON protocol and a REST API on one port, both over the same operations.
//!
//! Owns: protocols (parameters in, shapes and errors out), routing of a call to the node that owns its partition,
//! health and metrics. Must not: hold workflow rules, know Kafka or the store, or answer from anything but effective
//! state. A handler takes a request apart, calls one operation of [`App`], and puts its answer into the protocol's
//! form.
//!
//! ```text
//! aws/ (X-Amz-Target) ─┐
//!                      ├─► app/ operations ─► app/remote ─► this node's owners and views, or the owner's node
//! rest/ (/v1/...)     ─┘                                     (internal.rs receives there)
//! ```
//!
//! Reading path: [`router`], `aws::handle`, `app::start`, `app::remote`.

mod app;
mod auth;
mod aws;
mod health;
mod http;
mod ids;
mod internal;
pub mod limits;
pub mod metrics;
mod ports;
mod recent;
mod rest;
mod watches;

pub use app::error::ApiError;
pub use app::put::shown_events;
pub use app::{App, Parts, Settings};
pub use auth::AccessKeys;
pub use health::starting;
pub use ports::{
    Cluster, Figure, FigureKind, GroupState, QueueState, Queues, Sample, TakeAnswer, TakeError,
    Taken,
};
pub use watches::Watches;

use axum::Router;
use axum::routing::post;
use std::sync::Arc;

/// All routes of a node. Each is listed in docs/http.md.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", post(aws::handle))
        .route("/internal/v1/calls", post(internal::handle))
        .merge(health::routes())
        .merge(rest::routes())
        .fallback(rest::unknown_route)
        .method_not_allowed_fallback(rest::unknown_method)
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            http::admit,
        ))
        .with_state(app)
}
