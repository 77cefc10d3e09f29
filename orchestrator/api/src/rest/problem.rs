//! Problem details (RFC 9457), and the page that each problem's `type` leads to: a section of docs/errors.md.

use super::{Segment, answer, segment};
use crate::app::error::{ApiError, ErrorCode};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The documentation of errors, one section for each.
const PAGE: &str = include_str!("../../../../docs/errors.md");
/// Seconds after which a refused caller may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An error as problem details.
pub fn problem(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let name = error.code.name();
    let body = json!({
        "type": format!("/errors/{name}"),
        "title": name,
        "status": status.as_u16(),
        "detail": error.message,
    });
    let kind = (header::CONTENT_TYPE, "application/problem+json");
    let mut response = (status, [kind], body.to_string()).into_response();
    if matches!(
        error.code,
        ErrorCode::ThrottlingException | ErrorCode::ServiceUnavailable
    ) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// `GET /errors/{name}`: what an error means and what to do, as text.
pub async fn page(name: Segment) -> Response {
    let found = segment(name).and_then(|name| {
        section(&name).ok_or_else(|| {
            let message = format!("there is no error '{name}'");
            ApiError::new(ErrorCode::NotFound, message)
        })
    });
    let kind = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")];
    answer("errors", found.map(|text| (kind, text).into_response()))
}

/// The section with this heading.
fn section(name: &str) -> Option<String> {
    let mut sections = PAGE.split("\n## ").skip(1);
    let found = sections.find(|section| section.lines().next() == Some(name))?;
    Some(format!("## {}\n", found.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_found_by_its_heading_alone() {
        let text = section("TaskTimedOut").unwrap();
        assert!(text.starts_with("## TaskTimedOut\n"));
        assert_eq!(text.matches("## ").count(), 1);
        assert_eq!(section("Task"), None);
    }
}
