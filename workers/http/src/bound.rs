//! A queue that is bound to a URL: its tasks' inputs fill the templates of the configuration.

use crate::config::Bound;
use crate::encode::percent;
use crate::request::Request;
use crate::response::Answer;
use crate::template::Source;
use baton_worker::{Task, TaskError};
use reqwest::Method;
use serde_json::Value;

/// The call that a task on such a queue asks for.
///
/// # Errors
/// What is missing in the input, or wrong in the templates.
pub fn request(bound: &Bound, task: &Task) -> Result<Request, TaskError> {
    let source = Source::of_task(task)?;
    let mut request = Request::new(&source.text(&bound.url, percent)?, &bound.method)?;
    for (name, template) in &bound.headers {
        request.header(name, &source.text(template, str::to_owned)?)?;
    }
    for (name, template) in &bound.query {
        let value = source.text(template, str::to_owned)?;
        request.query(name, &value.into());
    }
    request.body = match &bound.body {
        Some(template) => Some(source.value(template)?),
        None if [Method::GET, Method::HEAD, Method::DELETE].contains(&request.method) => None,
        None => Some(task.input()?),
    };
    request.connection.clone_from(&bound.connection);
    Ok(request)
}

/// The task's output.
///
/// # Errors
/// The response has not what the template names.
pub fn output(bound: &Bound, answer: Answer) -> Result<Value, TaskError> {
    match &bound.output {
        Some(template) => Source::of_value(answer.into_output()).value(template),
        None => Ok(answer.body),
    }
}
