//! Bounds on the memory of an evaluation, put into the tree before it is evaluated.
//!
//! Owns: which nodes are wrapped in a check. The engine bounds time, depth and the length of sequences as it goes; but one
//! call (`$pad`, `$join`, `$replace`, a range) can allocate without end, and a loop can double a text or a structure with
//! each turn. So such calls have their arguments looked at first, and where an expression can loop or name values, what it
//! builds is measured. AWS bounds the memory of an expression likewise, in the same words.

use crate::limits;
use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage, StepId};
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use std::cell::Cell;
use std::rc::Rc;

/// What the checks throw; no message of JSONata begins like it.
pub(super) const MEMORY: &str = "!memory";
/// Measures its argument and passes it on. No name that can be written.
const WHOLE: &str = "!whole";
/// The last number of a range, if the range isn't too long.
const UPTO: &str = "!upto";
/// The second argument of `$pad`, if it isn't too wide.
const WIDTH: &str = "!width";
/// The first argument of `$join`, if the whole isn't too long.
const JOINED: &str = "!joined";
/// The first argument of `$replace`, if the whole isn't too long.
const REPLACED: &str = "!replaced";
/// Throws for an argument too many; a function that is passed on gets more arguments than it takes.
const SURPLUS: &str = "!surplus";
/// How many texts an expression that can't loop may put together unmeasured.
const CONCATENATIONS_MAX: usize = 64;

type Answer = Result<JValue, EvaluatorError>;
type Check = Rc<dyn Fn(&[JValue]) -> Answer>;

/// The tree with its checks.
pub(super) fn guarded(tree: AstNode) -> AstNode {
    let mut found = Found::default();
    found.count(&tree);
    let measured = found.loops || found.concatenations > CONCATENATIONS_MAX;
    Guard { measured }.node(tree, false)
}

/// Makes the checks known to an evaluator; `drawn` counts what its ranges have made.
pub(super) fn install(evaluator: &mut Evaluator, drawn: &Rc<Cell<usize>>) {
    let mut add = |name: &str, check: Check| {
        // Refused only for names that the crate compiles, and none of these is one.
        let added = evaluator.register_fn_override(name, move |args: &[JValue]| check(args));
        debug_assert!(added.is_ok(), "{name}");
    };
    add(WHOLE, Rc::new(whole));
    let drawn = drawn.clone();
    add(UPTO, Rc::new(move |args| upto(args, &drawn)));
    add(WIDTH, Rc::new(width));
    add(SURPLUS, Rc::new(surplus));
    add(JOINED, Rc::new(joined));
    add(REPLACED, Rc::new(replaced));
}

/// Whether a value is small enough, as AWS counts: 8 bytes for each value, and the texts.
pub(super) fn is_small(value: &JValue) -> bool {
    let mut left = limits::JSONATA_VALUE_BYTES_MAX;
    spend(&mut left, value)
}

pub(super) fn too_large() -> EvaluatorError {
    EvaluatorError::EvaluationError(MEMORY.to_owned())
}

#[derive(Default)]
struct Found {
    loops: bool,
    concatenations: usize,
}

impl Found {
    fn count(&mut self, node: &AstNode) {
        match node {
            AstNode::Lambda { .. } => self.loops = true,
            AstNode::Binary {
                op: BinaryOp::ColonEqual,
                ..
            } => self.loops = true,
            AstNode::Binary {
                op: BinaryOp::Concatenate,
                ..
            } => self.concatenations += 1,
            _ => {}
        }
        super::references::each_child(node, &mut |child, _| self.count(child));
    }
}

struct Guard {
    measured: bool,
}

impl Guard {
    /// The node with its checks. `in_array`: it is an item of an array constructor, where an array must stay one.
    fn node(&self, node: AstNode, in_array: bool) -> AstNode {
        let measured = self.measured
            && match &node {
                AstNode::Binary { op, .. } => *op == BinaryOp::Concatenate,
                AstNode::Array(_) => !in_array,
                AstNode::Object(_) => true,
                AstNode::Function {
                    name, is_builtin, ..
                } => *is_builtin && super::functions::is_growing(name),
                _ => false,
            };
        let node = self.within(node);
        if measured {
            call(WHOLE, vec![node])
        } else {
            node
        }
    }

    fn boxed(&self, node: AstNode) -> Box<AstNode> {
        Box::new(self.node(node, false))
    }

    fn all(&self, nodes: Vec<AstNode>, in_array: bool) -> Vec<AstNode> {
        nodes
            .into_iter()
            .map(|node| self.node(node, in_array))
            .collect()
    }

    fn pairs(&self, pairs: Vec<(AstNode, AstNode)>) -> Vec<(AstNode, AstNode)> {
        let pairs = pairs.into_iter();
        pairs
            .map(|(key, value)| (self.node(key, false), self.node(value, false)))
            .collect()
    }

    fn step(&self, step: PathStep) -> PathStep {
        let stages = step.stages.into_iter().map(|stage| match stage {
            Stage::Filter(filter) => Stage::Filter(self.boxed(*filter)),
            other => other,
        });
        PathStep {
            // A step's own constructor means something else than the same beneath a call.
            node: self.within(step.node),
            stages: stages.collect(),
            id: StepId::default(),
            ..step
        }
    }

    /// The node whose parts have their checks.
    fn within(&self, node: AstNode) -> AstNode {
        match node {
            AstNode::Path { steps } => AstNode::Path {
                steps: steps.into_iter().map(|step| self.step(step)).collect(),
            },
            AstNode::Binary {
                op: BinaryOp::Range,
                lhs,
                rhs,
            } => self.range(*lhs, *rhs),
            AstNode::Binary { op, lhs, rhs } => AstNode::Binary {
                op,
                lhs: if op == BinaryOp::ColonEqual {
                    lhs
                } else {
                    self.boxed(*lhs)
                },
                rhs: self.boxed(*rhs),
            },
            AstNode::Unary { op, operand } => AstNode::Unary {
                op,
                operand: self.boxed(*operand),
            },
            AstNode::Function {
                name,
                args,
                is_builtin: true,
            } => checked_call(name, self.all(args, false)),
            AstNode::Function {
                name,
                args,
                is_builtin,
            } => AstNode::Function {
                name,
                args: self.all(args, false),
                is_builtin,
            },
            AstNode::Call { procedure, args } => AstNode::Call {
                procedure: self.boxed(*procedure),
                args: self.all(args, false),
            },
            AstNode::Lambda {
                params,
                body,
                signature,
                thunk,
            } => AstNode::Lambda {
                params,
                body: self.boxed(*body),
                signature,
                thunk,
            },
            AstNode::Array(items) => AstNode::Array(self.all(items, true)),
            AstNode::ArrayGroup(items) => AstNode::ArrayGroup(self.all(items, true)),
            AstNode::Block(items) => AstNode::Block(self.all(items, false)),
            AstNode::Object(pairs) => AstNode::Object(self.pairs(pairs)),
            AstNode::ObjectTransform { input, pattern } => AstNode::ObjectTransform {
                input: self.boxed(*input),
                pattern: self.pairs(pattern),
            },
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => AstNode::Conditional {
                condition: self.boxed(*condition),
                then_branch: self.boxed(*then_branch),
                else_branch: else_branch.map(|branch| self.boxed(*branch)),
            },
            AstNode::FunctionApplication(body) => AstNode::FunctionApplication(self.boxed(*body)),
            AstNode::Sort { input, terms } => AstNode::Sort {
                input: self.boxed(*input),
                terms: terms
                    .into_iter()
                    .map(|(term, up)| (self.node(term, false), up))
                    .collect(),
            },
            leaf => leaf,
        }
    }

    /// A range whose length is looked at first; one that is short and written down needs no look where nothing loops.
    fn range(&self, lhs: AstNode, rhs: AstNode) -> AstNode {
        let is_short = match (&lhs, &rhs) {
            (AstNode::Number(first), AstNode::Number(last)) => last - first <= 1_000.0,
            _ => false,
        };
        let (lhs, rhs) = (self.node(lhs, false), self.node(rhs, false));
        if is_short && !self.measured {
            return range(lhs, rhs);
        }
        let (bound, lhs) = shared("!first", lhs);
        let checked = call(UPTO, vec![lhs.clone(), rhs]);
        within_block(bound.into_iter().collect(), range(lhs, checked))
    }
}

fn range(lhs: AstNode, rhs: AstNode) -> AstNode {
    AstNode::Binary {
        op: BinaryOp::Range,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    }
}

/// The call of a function of the language, with a look at its arguments where it could make much of little.
fn checked_call(name: String, mut args: Vec<AstNode>) -> AstNode {
    let count = args.len();
    let most = match name.as_str() {
        "uuid" => 0,
        "parse" | "random" => 1,
        "hash" | "partition" => 2,
        "range" => 3,
        _ => usize::MAX,
    };
    if count > most {
        let words = [AstNode::String(name), AstNode::Number(most as f64 + 1.0)];
        return call(SURPLUS, words.into());
    }
    let mut bound = Vec::new();
    match (name.as_str(), count) {
        ("pad", 2..) => args[1] = call(WIDTH, vec![args[1].clone()]),
        ("string", 1..) => args[0] = call(WHOLE, vec![args[0].clone()]),
        ("join", 2..) | ("replace", 3..) => {
            let (other, checker) = if name == "join" {
                (1, JOINED)
            } else {
                (2, REPLACED)
            };
            let (binding, shared) = shared("!other", args[other].clone());
            bound.extend(binding);
            args[other] = shared.clone();
            args[0] = call(checker, vec![args[0].clone(), shared]);
        }
        ("join", 1) => args[0] = call(JOINED, vec![args[0].clone()]),
        _ => {}
    }
    let function = AstNode::Function {
        name,
        args,
        is_builtin: true,
    };
    within_block(bound, function)
}

/// A node that is used twice: as it is where that is cheap, else bound to a name that can't be written.
fn shared(name: &str, node: AstNode) -> (Option<AstNode>, AstNode) {
    let is_cheap = matches!(
        node,
        AstNode::String(_) | AstNode::Number(_) | AstNode::Variable(_)
    );
    if is_cheap || matches!(node, AstNode::Placeholder | AstNode::Lambda { .. }) {
        return (None, node);
    }
    let variable = AstNode::Variable(name.to_owned());
    let binding = AstNode::Binary {
        op: BinaryOp::ColonEqual,
        lhs: Box::new(variable.clone()),
        rhs: Box::new(node),
    };
    (Some(binding), variable)
}

fn within_block(mut bound: Vec<AstNode>, node: AstNode) -> AstNode {
    if bound.is_empty() {
        return node;
    }
    bound.push(node);
    AstNode::Block(bound)
}

fn call(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function {
        name: name.to_owned(),
        args,
        is_builtin: true,
    }
}

fn whole(args: &[JValue]) -> Answer {
    let value = args.first().cloned().unwrap_or(JValue::Undefined);
    if is_small(&value) {
        Ok(value)
    } else {
        Err(too_large())
    }
}

fn upto(args: &[JValue], drawn: &Cell<usize>) -> Answer {
    let last = args.get(1).cloned().unwrap_or(JValue::Undefined);
    if let [JValue::Number(first), JValue::Number(last)] = args
        && last > first
    {
        let length = last - first + 1.0;
        let all = drawn.get() as f64 + length;
        let most = limits::JSONATA_SEQUENCE_LENGTH_MAX as f64;
        if length > most || all > limits::JSONATA_RANGES_LENGTH_MAX as f64 {
            return Err(too_large());
        }
        drawn.set(all as usize);
    }
    Ok(last)
}

fn width(args: &[JValue]) -> Answer {
    match args.first() {
        Some(JValue::Number(wide)) if wide.abs() > limits::JSONATA_VALUE_BYTES_MAX as f64 => {
            Err(too_large())
        }
        other => Ok(other.cloned().unwrap_or(JValue::Undefined)),
    }
}

fn surplus(args: &[JValue]) -> Answer {
    let (name, argument) = match args {
        [JValue::String(name), JValue::Number(argument)] => (&**name, *argument as usize),
        _ => ("", 0),
    };
    Err(super::functions::unsigned(name, argument))
}

fn joined(args: &[JValue]) -> Answer {
    let separator = match args.get(1) {
        Some(JValue::String(text)) => text.len(),
        _ => 0,
    };
    let list = args.first().cloned().unwrap_or(JValue::Undefined);
    let count = match &list {
        JValue::Array(items) => items.len(),
        _ => 1,
    };
    let is_short = separator.saturating_mul(count) <= limits::JSONATA_VALUE_BYTES_MAX;
    if is_short && is_small(&list) {
        Ok(list)
    } else {
        Err(too_large())
    }
}

fn replaced(args: &[JValue]) -> Answer {
    if let [JValue::String(text), JValue::String(replacement)] = args
        && (text.len() + 1).saturating_mul(replacement.len()) > limits::JSONATA_REPLACED_BYTES_MAX
    {
        return Err(too_large());
    }
    whole(args)
}

/// Takes the size of a value from what is `left`; stops where nothing is. A structure that shares its parts is counted as
/// what it would be written out.
fn spend(left: &mut usize, value: &JValue) -> bool {
    let own = match value {
        JValue::String(text) => text.len() + 8,
        _ => 8,
    };
    let Some(rest) = left.checked_sub(own) else {
        return false;
    };
    *left = rest;
    match value {
        JValue::Array(items) => items.iter().all(|item| spend(left, item)),
        JValue::Object(fields) => fields.iter().all(|(name, field)| {
            *left = left.saturating_sub(name.len());
            spend(left, field)
        }),
        _ => true,
    }
}
