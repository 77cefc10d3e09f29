//! What a comparison found, level by level.

/// One comparison: what differs, in words.
pub type Check = Result<(), String>;

/// Names of the levels, in the order of [`Verdict::levels`].
pub const LEVELS: [&str; 4] = ["1", "1c", "2", "3"];

/// A case at each level; `None` where nothing was recorded to compare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Level 1: status, output, error; for calls the whole answer.
    pub result: Option<Check>,
    /// Level 1c: the cause.
    pub cause: Option<Check>,
    /// Level 2: the events in any order.
    pub bag: Option<Check>,
    /// Level 3: the events in order, with ids.
    pub order: Option<Check>,
    /// For a sequence of calls each of its steps; `None` where nothing was recorded.
    pub steps: Vec<Option<Check>>,
}

impl Verdict {
    /// For a case that is one call.
    #[must_use]
    pub fn of_call(check: Check) -> Self {
        Self {
            result: Some(check),
            ..Self::default()
        }
    }

    /// For a case that is a sequence of calls.
    #[must_use]
    pub fn of_steps(steps: Vec<Option<Check>>) -> Self {
        Self {
            steps,
            ..Self::default()
        }
    }

    /// For a case that could not be run: it fails wherever something was recorded.
    #[must_use]
    pub fn not_run(why: &str, has_cause: bool, has_history: bool, has_order: bool) -> Self {
        let failed = |applies: bool| applies.then(|| Err(why.to_owned()));
        Self {
            result: failed(true),
            cause: failed(has_cause),
            bag: failed(has_history),
            order: failed(has_history && has_order),
            steps: Vec::new(),
        }
    }

    /// The levels in the order of [`LEVELS`].
    #[must_use]
    pub fn levels(&self) -> [&Option<Check>; 4] {
        [&self.result, &self.cause, &self.bag, &self.order]
    }

    /// Names of the levels that failed, and of the steps: `s1` is the first.
    #[must_use]
    pub fn failed(&self) -> Vec<String> {
        let levels = LEVELS.map(str::to_owned).into_iter().zip(self.levels());
        let steps = (1..).map(|number: usize| format!("s{number}"));
        levels
            .chain(steps.zip(&self.steps))
            .filter(|(_, check)| matches!(check, Some(Err(_))))
            .map(|(name, _)| name)
            .collect()
    }

    /// Why the lowest level, or the first step, that failed did.
    #[must_use]
    pub fn first_failure(&self) -> Option<&str> {
        self.levels()
            .into_iter()
            .chain(&self.steps)
            .flatten()
            .find_map(|level| level.as_ref().err().map(String::as_str))
    }

    /// Whether the history matches at the highest level it can be compared at; `None` without a history.
    #[must_use]
    pub fn highest_history(&self) -> Option<bool> {
        self.order.as_ref().or(self.bag.as_ref()).map(Result::is_ok)
    }
}
