//! Problem details (RFC 9457), and the page that each problem's `type` leads to: a section of docs/errors.md.

use super::shapes::Problem;
use super::{Segment, answer, segment};
use crate::app::error::{ApiError, ErrorCode};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The documentation of errors, one section for each.
const PAGE: &str = include_str!("../../../../docs/errors.md");
/// How a caller without a key may show one.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"baton\"");
/// Seconds after which a refused caller may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An error as problem details.
pub fn problem(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let name = error.code.name();
    let body = Problem {
        kind: format!("/errors/{name}"),
        title: name,
        status: status.as_u16(),
        detail: error.message.clone(),
    };
    let body = serde_json::to_string(&body).unwrap_or_default();
    let kind = (header::CONTENT_TYPE, "application/problem+json");
    let mut response = (status, [kind], body).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, CHALLENGE);
    }
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

#[utoipa::path(
    get, path = "/errors/{name}", tag = "about",
    summary = "What an error means and what to do",
    params(("name" = String, Path, description = "Name of the error: the `title` of a problem")),
    responses(
        (status = 200, description = "A section of docs/errors.md", body = String, content_type = "text/markdown"),
        (status = "4XX", description = "There is no such error", body = Problem, content_type = "application/problem+json"),
    )
)]
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
