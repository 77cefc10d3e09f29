//! The parameters that say which executions are meant.
//!
//! Owns: their names. What they mean is [`crate::app::filter`]'s.

use super::query::{Query, bad};
use crate::app::App;
use crate::app::error::ApiError;
use crate::app::filter::Filter;
use crate::app::list::status_of;
use baton_engine::search::Op;

/// Parameters of a filter, beside those of attributes.
pub const PARAMETERS: [&str; 9] = [
    "machine",
    "stateMachine",
    "status",
    "from",
    "before",
    "name_prefix",
    "error",
    "where",
    "view",
];
/// How a parameter for a search attribute begins: `attr.customer=c-1`.
pub const ATTRIBUTE: &str = "attr.";

/// The filter that a query describes.
///
/// # Errors
/// ValidationException; ResourceNotFound when there is no such saved view.
pub async fn filter_of(app: &App, query: &Query) -> Result<Filter, ApiError> {
    let mut filter = match query.text("where") {
        Some(text) => Filter::parse(text)?,
        None => Filter::default(),
    };
    if let Some(name) = query.text("view") {
        filter = filter.and(Filter::parse(&app.saved_view(name).await?.filter)?)?;
    }
    let status = query.text("status");
    if let Some(status) = status.filter(|status| status_of(status).is_none()) {
        let expected = "RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED";
        return Err(bad("status", status, expected));
    }
    let machine = query.text("machine").or(query.text("stateMachine"));
    for (name, value) in [
        ("machine", machine),
        ("status", status),
        ("error", query.text("error")),
    ] {
        if let Some(value) = value {
            filter.add(name, Op::Equal, value)?;
        }
    }
    for (name, value) in query.beginning(ATTRIBUTE) {
        filter.add(name, Op::Equal, value)?;
    }
    filter.and(Filter {
        from_ms: query.time("from")?,
        before_ms: query.time("before")?,
        name_prefix: query.text("name_prefix").map(Into::into),
        ..Filter::default()
    })
}
