//! What an expression refers to: found in its tree, so that a definition can be refused before it runs.
//!
//! Owns: which names are read from the context that Step Functions doesn't give (`phone`, `$`, `$$`), which fields of
//! `$states`, which variables and functions that the expression doesn't define itself, and which syntax is newer than
//! the JSONata that AWS runs (2.0.6). Knows the tree of the crate that parses.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use std::collections::BTreeSet;

/// What an expression refers to; each name once, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct References {
    /// Names read from the context at the top level, where there is none: `phone`, `$`.
    pub top_level: Vec<String>,
    /// Whether it names `$$`.
    pub root: bool,
    /// Fields of `$states`.
    pub states: Vec<String>,
    /// Variables that it reads and doesn't bind.
    pub variables: Vec<String>,
    /// Functions that it calls by name and doesn't define.
    pub functions: Vec<String>,
    /// Operators that JSONata 2.0.6 doesn't know.
    pub newer: Vec<&'static str>,
}

impl References {
    /// Finds all in a tree.
    pub fn of(tree: &AstNode) -> Self {
        let mut finder = Finder::default();
        finder.bindings(tree);
        finder.visit(tree, true);
        finder.found
    }
}

#[derive(Default)]
struct Finder {
    found: References,
    /// Names that the expression binds anywhere: they count as bound everywhere, so that nothing is found wrongly.
    bound: BTreeSet<String>,
}

impl Finder {
    /// Collects the names that the expression binds.
    fn bindings(&mut self, node: &AstNode) {
        match node {
            AstNode::Binary {
                op: BinaryOp::ColonEqual,
                lhs,
                ..
            } => {
                if let AstNode::Variable(name) = &**lhs {
                    self.bound.insert(name.clone());
                }
            }
            AstNode::Lambda { params, .. } => self.bound.extend(params.iter().cloned()),
            AstNode::Path { steps } => {
                for step in steps {
                    self.bound.extend(step.focus.clone());
                    self.bound.extend(step.index_var.clone());
                    for stage in &step.stages {
                        if let Stage::Index(name) = stage {
                            self.bound.insert(name.clone());
                        }
                    }
                }
            }
            _ => {}
        }
        each_child(node, &mut |child, _| self.bindings(child));
    }

    /// Looks at a node; `at_top`: its context is that of the whole expression.
    fn visit(&mut self, node: &AstNode, at_top: bool) {
        match node {
            AstNode::Name(name) if at_top => push(&mut self.found.top_level, name),
            AstNode::Wildcard if at_top => push(&mut self.found.top_level, "*"),
            AstNode::Descendant if at_top => push(&mut self.found.top_level, "**"),
            AstNode::Variable(name) if at_top && name.is_empty() => {
                push(&mut self.found.top_level, "$");
            }
            AstNode::Variable(name) if name == "$" => self.found.root = true,
            AstNode::ParentVariable(_) => self.found.root = true,
            AstNode::Variable(name)
                if !["", "states"].contains(&name.as_str()) && !self.bound.contains(name) =>
            {
                // A function by its name, to be passed on: `$map(a, $string)`.
                let is_function = super::functions::is_known(name);
                let list = if is_function {
                    &mut self.found.functions
                } else {
                    &mut self.found.variables
                };
                push(list, name);
            }
            AstNode::Function {
                name,
                is_builtin: true,
                ..
            } if !self.bound.contains(name) => {
                push(&mut self.found.functions, name);
            }
            AstNode::Binary { op, .. } => match op {
                BinaryOp::Coalesce => push_static(&mut self.found.newer, "??"),
                BinaryOp::Default => push_static(&mut self.found.newer, "?:"),
                _ => {}
            },
            AstNode::Path { steps } => self.states_field(steps),
            _ => {}
        }
        each_child(node, &mut |child, keeps| self.visit(child, at_top && keeps));
    }

    /// `$states.field`
    fn states_field(&mut self, steps: &[PathStep]) {
        if let [first, second, ..] = steps
            && matches!(&first.node, AstNode::Variable(name) if name == "states")
            && let AstNode::Name(field) = &second.node
        {
            push(&mut self.found.states, field);
        }
    }
}

/// Calls `found` with each node beneath, and whether it has the same context as `node`.
pub(super) fn each_child<'a>(node: &'a AstNode, found: &mut dyn FnMut(&'a AstNode, bool)) {
    match node {
        AstNode::Path { steps } => {
            for (i, step) in steps.iter().enumerate() {
                found(&step.node, i == 0);
                for stage in &step.stages {
                    if let Stage::Filter(filter) = stage {
                        found(filter, false);
                    }
                }
            }
        }
        AstNode::Binary { op, lhs, rhs } => {
            let binds = *op == BinaryOp::ColonEqual;
            if !binds {
                found(lhs, true);
            }
            found(rhs, true);
        }
        AstNode::Unary { operand, .. } => found(operand, true),
        AstNode::Function { args, .. } => args.iter().for_each(|arg| found(arg, true)),
        AstNode::Call { procedure, args } => {
            found(procedure, true);
            args.iter().for_each(|arg| found(arg, true));
        }
        AstNode::Lambda { body, .. } => found(body, true),
        AstNode::Array(items) | AstNode::Block(items) | AstNode::ArrayGroup(items) => {
            items.iter().for_each(|item| found(item, true));
        }
        AstNode::Object(pairs) => each_pair(pairs, true, found),
        AstNode::ObjectTransform { input, pattern } => {
            found(input, true);
            each_pair(pattern, false, found);
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            found(condition, true);
            found(then_branch, true);
            if let Some(branch) = else_branch {
                found(branch, true);
            }
        }
        AstNode::FunctionApplication(body) => found(body, true),
        AstNode::Sort { input, terms } => {
            found(input, true);
            terms.iter().for_each(|(term, _)| found(term, false));
        }
        AstNode::Transform {
            location,
            update,
            delete,
        } => {
            found(location, false);
            found(update, false);
            if let Some(fields) = delete {
                found(fields, false);
            }
        }
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
    }
}

fn each_pair<'a>(
    pairs: &'a [(AstNode, AstNode)],
    keeps: bool,
    found: &mut dyn FnMut(&'a AstNode, bool),
) {
    for (key, value) in pairs {
        found(key, keeps);
        found(value, keeps);
    }
}

fn push(list: &mut Vec<String>, name: &str) {
    if !list.iter().any(|known| known == name) {
        list.push(name.to_owned());
    }
}

fn push_static(list: &mut Vec<&'static str>, name: &'static str) {
    if !list.contains(&name) {
        list.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonata_core::parser::parse;

    fn of(text: &str) -> References {
        References::of(&parse(text).expect(text))
    }

    #[test]
    fn the_context_that_is_not_there_is_found() {
        assert_eq!(of("phone").top_level, ["phone"]);
        assert_eq!(of("phone[0].number & $x").top_level, ["phone"]);
        assert_eq!(
            of("$map($states.input.a, function($v){ b })").top_level,
            ["b"]
        );
        assert_eq!(of("$ & 'x'").top_level, ["$"]);
        assert_eq!(of("[a, {'k': b}, a]").top_level, ["a", "b"]);
        assert!(of("$$").root && of("$$.a").root);
        for text in [
            "$states.input.items[value > 3].name",
            "$states.input.items.{'n': name, 'p': $}",
            "$states.input.items^(>price)",
            "$states.input.items{name: price}",
            "$states.input.items.(a + b)",
            "$states.input ~> |items|{'x': y}|",
        ] {
            assert_eq!(of(text).top_level, [""; 0], "{text}");
        }
    }

    #[test]
    fn names_are_told_by_their_use() {
        let found = of(
            "($a := $b; $f := function($c){ $c + $a }; $f($d) + $sum($states.result.x) + $nope(1))",
        );
        assert_eq!(found.variables, ["b", "d"]);
        assert_eq!(found.functions, ["sum", "nope"]);
        assert_eq!(found.states, ["result"]);
        assert_eq!(of("$map($v, $string)").functions, ["map", "string"]);
    }

    #[test]
    fn newer_operators_are_told() {
        assert_eq!(of("$a ?? 1").newer, ["??"]);
        assert_eq!(of("$a ?: 1").newer, ["?:"]);
        assert_eq!(of("$a ? 1 : 2").newer, [""; 0]);
    }
}
