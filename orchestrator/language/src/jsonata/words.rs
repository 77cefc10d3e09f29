//! The crate's messages in the words of JSONata 2.0.6, which are AWS's.
//!
//! Owns: the differences alone; what isn't named here passes as it is.

/// A message of the parser as AWS shows it: symbols as they are written, and without the code.
pub(super) fn of_parser(message: &str) -> String {
    let uncoded = match message.split_once(": ") {
        Some((code, rest)) if code.len() == 5 && code.starts_with('S') => rest,
        _ => message,
    };
    if let Some((token, rest)) = uncoded
        .strip_prefix("The symbol ")
        .and_then(|rest| rest.split_once(" cannot be"))
    {
        return format!("The symbol {} cannot be{rest}", symbol(token));
    }
    let Some(rest) = uncoded.strip_prefix("Expected ") else {
        return uncoded.to_owned();
    };
    if let Some(expected) = rest.strip_suffix(" before end of expression") {
        return format!("Expected {} before end of expression", symbol(expected));
    }
    match rest.split_once(", got ") {
        Some((expected, found)) => {
            format!("Expected {}, got {}", symbol(expected), symbol(found))
        }
        None => uncoded.to_owned(),
    }
}

/// A message of an evaluation with operators and functions quoted: `the "+" operator`, `function "sum"`.
pub(super) fn of_evaluation(message: &str) -> String {
    const NO_FUNCTION: &str = "T1006: Attempted to invoke a non-function";
    if message.starts_with(NO_FUNCTION) {
        return NO_FUNCTION.to_owned();
    }
    match message.get(..5) {
        Some("T2001" | "T2002") => quoted(message, "side of the ", " operator"),
        Some("T0410" | "T0412") => {
            let end = message.find(" (expected").unwrap_or(message.len());
            let message = message[..end].replace("function $", "function ");
            let followed_by = if message.contains(" must be") {
                " must be"
            } else {
                " does not"
            };
            quoted(&message, "of function ", followed_by)
        }
        Some("T2003") => {
            "T2003: The left side of the range operator (..) must evaluate to an integer".to_owned()
        }
        Some("T2004") => {
            "T2004: The right side of the range operator (..) must evaluate to an integer"
                .to_owned()
        }
        _ => message.to_owned(),
    }
}

/// The message with what stands between two phrases in quotes.
fn quoted(message: &str, before: &str, after: &str) -> String {
    let found = message.split_once(before).and_then(|(head, tail)| {
        let (word, rest) = tail.split_once(after)?;
        let is_bare = !word.is_empty() && !word.contains(['"', ' ']);
        is_bare.then(|| format!("{head}{before}\"{word}\"{after}{rest}"))
    });
    found.unwrap_or_else(|| message.to_owned())
}

/// A token's name in the crate as it is written.
fn symbol(token: &str) -> String {
    let written = match token {
        "Plus" => "+",
        "Minus" => "-",
        "Star" => "*",
        "StarStar" => "**",
        "Slash" => "/",
        "Percent" => "%",
        "Equal" => "=",
        "NotEqual" => "!=",
        "LessThan" => "<",
        "LessThanOrEqual" => "<=",
        "GreaterThan" => ">",
        "GreaterThanOrEqual" => ">=",
        "And" => "and",
        "Or" => "or",
        "In" => "in",
        "Ampersand" => "&",
        "Dot" => ".",
        "DotDot" => "..",
        "Question" => "?",
        "QuestionQuestion" => "??",
        "QuestionColon" => "?:",
        "Colon" => ":",
        "ColonEqual" => ":=",
        "TildeArrow" => "~>",
        "LeftParen" => "(",
        "RightParen" => ")",
        "LeftBracket" => "[",
        "RightBracket" => "]",
        "LeftBrace" => "{",
        "RightBrace" => "}",
        "Comma" => ",",
        "Semicolon" => ";",
        "Caret" => "^",
        "Pipe" => "|",
        "Hash" => "#",
        "At" => "@",
        "Eof" => "(end)",
        other => return value(other),
    };
    format!("\"{written}\"")
}

/// A token that holds a value, such as `Identifier("a")` or `Number(1.0)`, as its value.
fn value(token: &str) -> String {
    let within = token
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    within.unwrap_or(token).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_as_in_jsonata() {
        assert_eq!(
            of_parser("S0202: Expected RightBracket, got Comma"),
            "Expected \"]\", got \",\""
        );
        assert_eq!(
            of_parser("S0202: Expected RightParen, got Identifier(\"x\")"),
            "Expected \")\", got \"x\""
        );
        assert_eq!(
            of_parser("S0203: Expected RightParen before end of expression"),
            "Expected \")\" before end of expression"
        );
        assert_eq!(of_parser("Unclosed comment"), "Unclosed comment");
        assert_eq!(
            of_evaluation("T2002: The right side of the + operator must evaluate to a number"),
            "T2002: The right side of the \"+\" operator must evaluate to a number"
        );
        assert_eq!(
            of_evaluation(
                "T0410: Argument 1 of function $join does not match function signature (expected String)"
            ),
            "T0410: Argument 1 of function \"join\" does not match function signature"
        );
        assert_eq!(
            of_evaluation("T1006: Attempted to invoke a non-function: $x"),
            "T1006: Attempted to invoke a non-function"
        );
        assert_eq!(of_evaluation("D3137: Invalid JSON"), "D3137: Invalid JSON");
    }
}
