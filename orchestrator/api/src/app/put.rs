//! What the program itself needs of the API: machines that stand in binding files, and events as they are shown.

use super::App;
use super::error::{ApiError, ErrorCode};
use super::machines::{MachineUpdate, NewMachine};
use baton_engine::recall::events_of;
use baton_machine::aws_history;
use baton_schemas::arn::ExecutionArn;
use serde_json::{Value, json};
use std::sync::Arc;

impl App {
    /// Creates the machine `name` (or ARN), or updates it to this ASL text; nothing is written if it is so already.
    /// Returns its ARN.
    ///
    /// # Errors
    /// InvalidName, InvalidDefinition with all findings, ServiceUnavailable.
    pub async fn put_machine(&self, name: &str, definition: &str) -> Result<Arc<str>, ApiError> {
        let role = format!("arn:aws:iam::{}:role/none", self.settings.account);
        let new = NewMachine {
            name,
            definition,
            role_arn: &role,
            kind: "STANDARD",
            settings: json!({}),
            search_attributes: None,
            publish: None,
        };
        match self.create_machine(new).await {
            Ok((machine, _)) => Ok(machine.arn.clone()),
            Err(error) if error.code == ErrorCode::StateMachineAlreadyExists => {
                let update = MachineUpdate {
                    definition: Some(definition),
                    ..MachineUpdate::default()
                };
                let arn = self.machine_arn(name);
                Ok(self.update_machine(&arn, update).await?.arn.clone())
            }
            Err(error) => Err(error),
        }
    }
}

/// The events of one history record (JSON as written) as GetExecutionHistory shows them; none if it can't be read.
#[must_use]
pub fn shown_events(execution: &str, json: &[u8]) -> Vec<Value> {
    let region = ExecutionArn::parse(execution).map_or("", |arn| arn.region);
    let events = events_of(json).unwrap_or_default();
    events
        .iter()
        .filter_map(|(now, event)| aws_history::to_aws(event, *now, region, true))
        .collect()
}
