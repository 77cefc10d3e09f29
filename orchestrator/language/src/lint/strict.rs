//! Strict mode: what Baton adds to the language is refused, so that the definition runs on AWS unchanged.

use super::At;
use super::texts::{Text, each_text};
use crate::findings::{Findings, Place};
use crate::jsonata::Expression;
use serde_json::Value;

const CODE: &str = "NOT_PORTABLE";
/// What ARNs of our own resources begin with: task queues, readers of topics and files.
const OWN: &str = "arn:aws:states:::baton:";

/// Refuses what AWS doesn't know.
pub(super) fn check(at: At<'_>, findings: &mut Findings<'_>) {
    resource(
        at.state.get("Resource"),
        &at.place.field("Resource"),
        findings,
    );
    for holder in ["ItemReader", "ResultWriter"] {
        let place = at.place.field(holder);
        let found = at
            .state
            .get(holder)
            .and_then(|fields| fields.get("Resource"));
        resource(found, &place.field("Resource"), findings);
    }
    each_text(at, &mut |text, place| {
        let Text::Expression(text) = text else {
            return;
        };
        for operator in Expression::references(text)
            .into_iter()
            .flat_map(|found| found.newer)
        {
            let message =
                format!("The operator '{operator}' is newer than the JSONata of AWS (2.0.6)");
            let help = match operator {
                "??" => "write '$exists(a) ? a : b'",
                _ => "write 'a ? a : b'",
            };
            findings.refuse(place, place, CODE, message, Some(help.to_owned()));
        }
    });
}

fn resource(resource: Option<&Value>, place: &Place<'_>, findings: &mut Findings<'_>) {
    let Some(arn) = resource
        .and_then(Value::as_str)
        .filter(|arn| arn.starts_with(OWN))
    else {
        return;
    };
    let message = format!("'{arn}' is known to Baton alone");
    let help = "AWS has Lambda functions, activities and service integrations".to_owned();
    findings.refuse(place, place, CODE, message, Some(help));
}
