//! CloudFormation's functions: what `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Fn::Join` and the others stand for here.
//!
//! Owns: names and ARNs of resources that Baton does not make: as CloudFormation would name them, with Baton's region and
//! account; a resource without a name of its own is called as in the template. Source: CloudFormation template reference,
//! intrinsic functions.

use serde_json::{Map, Value};
use std::cell::Cell;

/// Region and account in ARNs.
const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";
/// Deepest nesting of functions and references.
const DEPTH_MAX: usize = 32;

/// What a template's names stand for.
pub struct Names<'a> {
    template: &'a Value,
    depth: Cell<usize>,
}

impl<'a> Names<'a> {
    /// The names of a template.
    pub fn of(template: &'a Value) -> Self {
        Self {
            template,
            depth: Cell::new(0),
        }
    }

    /// A value without functions.
    ///
    /// # Errors
    /// The function that can't be worked out, and why.
    pub fn resolved(&self, value: &Value) -> Result<Value, String> {
        if self.depth.get() >= DEPTH_MAX {
            return Err(format!(
                "functions are nested deeper than {DEPTH_MAX}, or refer to themselves"
            ));
        }
        self.depth.set(self.depth.get() + 1);
        let resolved = self.resolve(value);
        self.depth.set(self.depth.get() - 1);
        resolved
    }

    /// A value as text.
    ///
    /// # Errors
    /// As [`Self::resolved`], or when it is none.
    pub fn text(&self, value: &Value) -> Result<String, String> {
        match self.resolved(value)? {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            other => Err(format!("{other} is not a text")),
        }
    }

    /// A resource's name: its own, or what the template calls it.
    pub fn name_of(&self, id: &str) -> String {
        let resource = &self.template["Resources"][id];
        let properties = &resource["Properties"];
        let key = match resource["Type"].as_str().unwrap_or("") {
            "AWS::StepFunctions::StateMachine" => "StateMachineName",
            "AWS::Serverless::StateMachine"
            | "AWS::StepFunctions::Activity"
            | "AWS::Events::EventBus" => "Name",
            "AWS::Lambda::Function" | "AWS::Serverless::Function" => "FunctionName",
            "AWS::SQS::Queue" => "QueueName",
            "AWS::SNS::Topic" => "TopicName",
            "AWS::DynamoDB::Table" | "AWS::Serverless::SimpleTable" => "TableName",
            "AWS::S3::Bucket" => "BucketName",
            "AWS::IAM::Role" => "RoleName",
            _ => "Name",
        };
        let own = properties.get(key).and_then(|name| self.text(name).ok());
        own.unwrap_or_else(|| id.to_owned())
    }

    fn resolve(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            Value::Object(fields) => {
                if let [(name, argument)] = fields.iter().collect::<Vec<_>>()[..]
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    return self.function(name, argument);
                }
                let resolved = fields
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.resolved(value)?)));
                Ok(Value::Object(
                    resolved.collect::<Result<Map<_, _>, String>>()?,
                ))
            }
            other => Ok(other.clone()),
        }
    }

    fn function(&self, name: &str, argument: &Value) -> Result<Value, String> {
        let wrong = || format!("{name} {argument} can't be worked out");
        match (name, argument) {
            ("Ref", Value::String(id)) => self.reference(id),
            ("Fn::GetAtt", Value::Array(parts)) => match &parts[..] {
                [Value::String(id), Value::String(attribute)] => self.attribute(id, attribute),
                _ => Err(wrong()),
            },
            ("Fn::GetAtt", Value::String(path)) => {
                let (id, attribute) = path.split_once('.').ok_or_else(wrong)?;
                self.attribute(id, attribute)
            }
            ("Fn::Sub", Value::String(text)) => self.substituted(text, &Map::new()),
            ("Fn::Sub", Value::Array(parts)) => match &parts[..] {
                [Value::String(text), Value::Object(own)] => self.substituted(text, own),
                _ => Err(wrong()),
            },
            ("Fn::Join", Value::Array(parts)) => match &parts[..] {
                [Value::String(between), list] => {
                    let list = self.resolved(list)?;
                    let items = list.as_array().ok_or_else(wrong)?;
                    let texts: Result<Vec<String>, String> =
                        items.iter().map(|item| self.text(item)).collect();
                    Ok(texts?.join(between).into())
                }
                _ => Err(wrong()),
            },
            ("Fn::Select", Value::Array(parts)) => match &parts[..] {
                [index, list] => {
                    let at: usize = self.text(index)?.parse().map_err(|_| wrong())?;
                    let list = self.resolved(list)?;
                    list.get(at).cloned().ok_or_else(wrong)
                }
                _ => Err(wrong()),
            },
            ("Fn::Split", Value::Array(parts)) => match &parts[..] {
                [Value::String(between), text] => {
                    let text = self.text(text)?;
                    Ok(text.split(between.as_str()).map(Value::from).collect())
                }
                _ => Err(wrong()),
            },
            ("Fn::FindInMap", Value::Array(parts)) => {
                let keys: Result<Vec<String>, String> =
                    parts.iter().map(|part| self.text(part)).collect();
                let mut found = &self.template["Mappings"];
                for key in keys? {
                    found = &found[key];
                }
                if found.is_null() {
                    Err(wrong())
                } else {
                    Ok(found.clone())
                }
            }
            _ => Err(wrong()),
        }
    }

    /// `Ref`: a parameter's default, a pseudo parameter, or what a resource's type returns.
    fn reference(&self, id: &str) -> Result<Value, String> {
        let pseudo = match id {
            "AWS::Region" => Some(REGION),
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            "AWS::StackName" => Some("baton"),
            _ => None,
        };
        if let Some(text) = pseudo {
            return Ok(text.into());
        }
        if let Some(parameter) = self.template["Parameters"].get(id) {
            let default = parameter.get("Default");
            return default
                .cloned()
                .ok_or_else(|| format!("the parameter {id} has no Default"));
        }
        let resources = &self.template["Resources"];
        let Some((id, resource)) = resources.as_object().and_then(|all| all.get_key_value(id))
        else {
            return Err(format!(
                "Ref {id}: the template has no such parameter or resource"
            ));
        };
        let name = self.name_of(id);
        Ok(match resource["Type"].as_str().unwrap_or("") {
            "AWS::SQS::Queue" => {
                format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}").into()
            }
            "AWS::SNS::Topic"
            | "AWS::StepFunctions::StateMachine"
            | "AWS::Serverless::StateMachine"
            | "AWS::StepFunctions::Activity" => self.attribute(id, "Arn")?,
            _ => name.into(),
        })
    }

    /// `Fn::GetAtt`: ARNs and names.
    fn attribute(&self, id: &str, attribute: &str) -> Result<Value, String> {
        let resources = &self.template["Resources"];
        let Some((id, resource)) = resources.as_object().and_then(|all| all.get_key_value(id))
        else {
            return Err(format!(
                "Fn::GetAtt {id}.{attribute}: the template has no such resource"
            ));
        };
        let name = self.name_of(id);
        if ["Name", "QueueName", "TopicName", "FunctionName"].contains(&attribute) {
            return Ok(name.into());
        }
        let place = |service: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}");
        let kind = resource["Type"].as_str().unwrap_or("");
        let arn = match kind {
            "AWS::Lambda::Function" | "AWS::Serverless::Function" => {
                format!("{}:function:{name}", place("lambda"))
            }
            "AWS::SQS::Queue" => format!("{}:{name}", place("sqs")),
            "AWS::SNS::Topic" => format!("{}:{name}", place("sns")),
            "AWS::DynamoDB::Table" | "AWS::Serverless::SimpleTable" => {
                format!("{}:table/{name}", place("dynamodb"))
            }
            "AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine" => {
                format!("{}:stateMachine:{name}", place("states"))
            }
            "AWS::StepFunctions::Activity" => format!("{}:activity:{name}", place("states")),
            "AWS::Events::EventBus" => format!("{}:event-bus/{name}", place("events")),
            "AWS::S3::Bucket" => format!("arn:aws:s3:::{name}"),
            "AWS::IAM::Role" => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            "AWS::Logs::LogGroup" => format!("{}:log-group:{name}:*", place("logs")),
            _ => return Err(format!("Fn::GetAtt {id}.{attribute}: not known for {kind}")),
        };
        match attribute {
            "Arn" | "TopicArn" => Ok(arn.into()),
            _ => Err(format!("Fn::GetAtt {id}.{attribute}: not known for {kind}")),
        }
    }

    /// `Fn::Sub`: `${Name}` and `${Name.Attribute}`; `${!Name}` stays as `${Name}`.
    fn substituted(&self, text: &str, own: &Map<String, Value>) -> Result<Value, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            out.push_str(&rest[..at]);
            let inside = &rest[at + 2..];
            let end = inside
                .find('}')
                .ok_or_else(|| format!("Fn::Sub: a ${{ without }} in {text:?}"))?;
            let name = &inside[..end];
            match (name.strip_prefix('!'), own.get(name), name.split_once('.')) {
                (Some(literal), _, _) => out.push_str(&format!("${{{literal}}}")),
                (None, Some(value), _) => out.push_str(&self.text(value)?),
                (None, None, Some((id, attribute))) => {
                    out.push_str(&as_text(&self.attribute(id, attribute)?))
                }
                (None, None, None) => out.push_str(&as_text(&self.reference(name)?)),
            }
            rest = &inside[end + 1..];
        }
        out.push_str(rest);
        Ok(out.into())
    }
}

fn as_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
