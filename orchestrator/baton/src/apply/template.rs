//! State machines of a CloudFormation template, as SAM and CDK write them too.
//!
//! Owns: which resources are state machines, and what of them Baton takes. What else is in a template (functions, roles,
//! tables) stays where it is; names and ARNs of it are worked out by `functions`. Source: CloudFormation's resource types
//! AWS::StepFunctions::StateMachine and AWS::Serverless::StateMachine.

use super::functions::Names;
use super::machine::Machine;
use crate::documents;
use serde_json::{Map, Value, json};
use std::path::Path;

const PLAIN: &str = "AWS::StepFunctions::StateMachine";
const SERVERLESS: &str = "AWS::Serverless::StateMachine";

/// Whether a document is a template.
pub fn is_template(document: &Value) -> bool {
    document["Resources"].is_object()
}

/// The machines of a template; paths in it are from `folder`.
///
/// # Errors
/// For each machine that can't be taken, where and why.
pub fn machines(template: &Value, folder: &Path) -> Result<Vec<Machine>, String> {
    let names = Names::of(template);
    let resources = template["Resources"].as_object().into_iter().flatten();
    let (mut machines, mut wrong) = (Vec::new(), Vec::new());
    for (id, resource) in resources {
        let kind = resource["Type"].as_str().unwrap_or("");
        if kind == PLAIN || kind == SERVERLESS {
            match machine(id, &resource["Properties"], &names, folder) {
                Ok(machine) => machines.push(machine),
                Err(why) => wrong.push(format!("{id}: {why}")),
            }
        }
    }
    if wrong.is_empty() {
        Ok(machines)
    } else {
        Err(wrong.join("; "))
    }
}

fn machine(
    id: &str,
    properties: &Value,
    names: &Names<'_>,
    folder: &Path,
) -> Result<Machine, String> {
    let given = properties.as_object().ok_or("it has no Properties")?;
    let text = |key: &str| -> Result<Option<String>, String> {
        given.get(key).map(|value| names.text(value)).transpose()
    };
    let name = names.name_of(id);
    let definition = definition(given, names, folder)?;
    let substitutions = match given.get("DefinitionSubstitutions") {
        None => Map::new(),
        Some(value) => {
            let fields = value
                .as_object()
                .ok_or("DefinitionSubstitutions must be an object")?;
            let resolved = fields
                .iter()
                .map(|(key, value)| Ok((key.clone(), Value::from(names.text(value)?))));
            resolved.collect::<Result<_, String>>()?
        }
    };
    let definition = substituted(&definition, &substitutions);
    let parsed: Value = serde_json::from_str(&definition)
        .map_err(|e| format!("the definition is not JSON: {e}"))?;
    let kind = match (text("StateMachineType")?, text("Type")?) {
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => "STANDARD".to_owned(),
    };
    let role = match (text("RoleArn")?, text("Role")?) {
        (Some(role), _) | (None, Some(role)) => Some(role),
        (None, None) => None,
    };
    Ok(Machine {
        name,
        kind,
        role,
        tags: tags(given.get("Tags"), names)?,
        definition: parsed,
    })
}

/// The definition's text, from whichever property has it.
fn definition(
    given: &Map<String, Value>,
    names: &Names<'_>,
    folder: &Path,
) -> Result<String, String> {
    if let Some(value) = given.get("DefinitionString") {
        return names.text(value);
    }
    if let Some(value) = given.get("Definition") {
        return Ok(names.resolved(value)?.to_string());
    }
    for key in ["DefinitionUri", "DefinitionS3Location"] {
        match given.get(key) {
            Some(Value::String(path)) if !path.starts_with("s3://") => {
                let read = documents::read(&folder.join(path)).map_err(|e| e.to_string())?;
                return Ok(read.to_string());
            }
            Some(_) => {
                return Err(format!(
                    "{key}: only a path of a file beside the template can be read"
                ));
            }
            None => {}
        }
    }
    Err("it has neither DefinitionString, Definition nor DefinitionUri".to_owned())
}

/// `${name}` replaced, within JSON text: what comes in is escaped as JSON texts are.
fn substituted(definition: &str, substitutions: &Map<String, Value>) -> String {
    let mut text = definition.to_owned();
    for (name, value) in substitutions {
        let quoted = value.to_string();
        text = text.replace(&format!("${{{name}}}"), &quoted[1..quoted.len() - 1]);
    }
    text
}

/// SAM has an object, CloudFormation a list.
fn tags(given: Option<&Value>, names: &Names<'_>) -> Result<Vec<Value>, String> {
    let tag = |key: String, value: String| json!({"key": key, "value": value});
    match given {
        None => Ok(Vec::new()),
        Some(Value::Object(fields)) => fields
            .iter()
            .map(|(key, value)| Ok(tag(key.clone(), names.text(value)?)))
            .collect(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| Ok(tag(names.text(&item["Key"])?, names.text(&item["Value"])?)))
            .collect(),
        Some(other) => Err(format!("Tags: {other} is neither a list nor an object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sam_template_gives_its_machines() {
        let template = documents::parse(
            r#"
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: dev}}
Resources:
  Charge: {Type: AWS::Serverless::Function, Properties: {FunctionName: !Sub 'charge-${Stage}'}}
  Table: {Type: AWS::DynamoDB::Table}
  Orders:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: !Sub '${Stage}-orders'
      Type: EXPRESS
      Tags: {team: a}
      DefinitionSubstitutions: {ChargeArn: !GetAtt Charge.Arn, Table: !Ref Table}
      Definition:
        StartAt: C
        States:
          C: {Type: Task, Resource: '${ChargeArn}', Next: D}
          D: {Type: Pass, Result: {table: '${Table}', other: '${AWS::Region}'}, End: true}
"#,
        )
        .unwrap();
        let machines = machines(&template, Path::new("")).unwrap();
        let [machine] = &machines[..] else {
            panic!("{machines:?}")
        };
        assert_eq!((&*machine.name, &*machine.kind), ("dev-orders", "EXPRESS"));
        assert_eq!(machine.tags, [json!({"key": "team", "value": "a"})]);
        let states = &machine.definition["States"];
        assert_eq!(
            states["C"]["Resource"],
            "arn:aws:lambda:us-east-1:000000000000:function:charge-dev"
        );
        assert_eq!(states["D"]["Result"]["table"], "Table");
    }

    #[test]
    fn a_cdk_template_joins_its_text() {
        let template = json!({"Resources": {
            "FnA1": {"Type": "AWS::Lambda::Function", "Properties": {}},
            "RoleB2": {"Type": "AWS::IAM::Role"},
            "M3": {"Type": PLAIN, "Properties": {
                "RoleArn": {"Fn::GetAtt": ["RoleB2", "Arn"]},
                "DefinitionString": {"Fn::Join": ["", [
                    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"arn:", {"Ref": "AWS::Partition"},
                    ":states:::lambda:invoke\",\"Parameters\":{\"FunctionName\":\"", {"Fn::GetAtt": ["FnA1", "Arn"]}, "\"},\"End\":true}}}"]]}}}}});
        let machines = machines(&template, Path::new("")).unwrap();
        assert_eq!(machines[0].name, "M3");
        assert_eq!(
            machines[0].role.as_deref(),
            Some("arn:aws:iam::000000000000:role/RoleB2")
        );
        let parameters = &machines[0].definition["States"]["A"]["Parameters"];
        assert_eq!(
            parameters["FunctionName"],
            "arn:aws:lambda:us-east-1:000000000000:function:FnA1"
        );
    }

    #[test]
    fn what_can_not_be_taken_is_said_with_its_place() {
        let template = json!({"Resources": {"M": {"Type": PLAIN, "Properties": {"DefinitionString": {"Fn::ImportValue": "x"}}}}});
        let error = machines(&template, Path::new("")).unwrap_err();
        assert!(
            error.contains("M: ") && error.contains("Fn::ImportValue"),
            "{error}"
        );
    }
}
