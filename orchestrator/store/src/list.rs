//! Lists of executions, newest start first.
//!
//! Owns: which index serves which query, and the bound on the work of a page. The order is by start and then ARN, both
//! descending. A list first has what waits written, so that it can be read from the disk alone.

use crate::db::Db;
use crate::error::StoreError;
use crate::keys::{self, Generation};
use crate::limits;
use crate::meta;
use crate::store::Store;
use crate::values::{Facts, status_byte};
use baton_engine::search::Condition;
use baton_engine::views::{ListPage, ListQuery};
use baton_machine::Status;
use fjall::{Guard, Iter, Keyspace, Readable, Snapshot};
use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

impl Store {
    /// As [`baton_engine::Views::list`].
    pub(crate) fn read_list(&self, query: &ListQuery) -> Result<ListPage, StoreError> {
        // If nothing is written any more, what was written is still shown.
        let _ = self.pending.flush();
        let snapshot = self.db.snapshot();
        let lives = meta::lives(&snapshot, &self.db.meta)?;
        let live: BTreeSet<Generation> = lives.values().map(|life| life.generation).collect();
        let limit = query.limit.min(limits::PAGE_MAX);
        let mut page = ListPage::default();
        let mut last = None;
        let mut rows = self.rows(&snapshot, query, &live);
        for _ in 0..limits::EXAMINED_MAX {
            let Some(row) = newest(&mut rows)? else {
                return Ok(page);
            };
            if live.contains(&row.facts.generation) && row.is_wanted(query) {
                if page.executions.len() == limit {
                    return Ok(more(page, last));
                }
                page.executions
                    .push(row.facts.summary(row.start_ms, row.arn.clone()));
            }
            last = Some((row.start_ms, row.arn));
        }
        Ok(more(page, last))
    }

    /// The indexes that together contain what is asked for.
    fn rows<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        query: &ListQuery,
        live: &BTreeSet<Generation>,
    ) -> Vec<Peekable<Rows<'a>>> {
        let db = &self.db;
        let rows = |keyspace: &Keyspace, prefix| {
            Rows::new((snapshot, db), keyspace, prefix, query).peekable()
        };
        if let Some((name, values)) = query.conditions.iter().find_map(Condition::equals) {
            let row = |value| rows(&db.by_attribute, keys::attribute_prefix(name, value));
            return values.iter().map(row).collect();
        }
        match (query.status, &query.machine) {
            (Some(status), _) if status != Status::Succeeded => live
                .iter()
                .map(|&generation| {
                    rows(
                        &db.by_status,
                        keys::status_prefix(generation, status_byte(status)),
                    )
                })
                .collect(),
            (_, Some(machine)) => vec![rows(&db.by_machine, keys::machine_prefix(machine))],
            _ => vec![rows(&db.summaries, Vec::new())],
        }
    }
}

/// A page that ends here although there may be more.
fn more(page: ListPage, last: Option<(i64, Arc<str>)>) -> ListPage {
    ListPage {
        more: true,
        next: last,
        ..page
    }
}

/// One entry of an index.
struct Row {
    start_ms: i64,
    arn: Arc<str>,
    facts: Facts,
}

impl Row {
    fn is_wanted(&self, query: &ListQuery) -> bool {
        let Facts {
            machine,
            status,
            findable,
            ..
        } = &self.facts;
        query.takes(&self.arn, machine, *status, self.start_ms, findable)
    }
}

/// Part of an index, newest first.
struct Rows<'a> {
    entries: Iter,
    prefix_len: usize,
    /// Where the facts are that an index leaves out.
    from: (&'a Snapshot, &'a Db),
}

impl<'a> Rows<'a> {
    fn new(
        (snapshot, db): (&'a Snapshot, &'a Db),
        keyspace: &Keyspace,
        prefix: Vec<u8>,
        query: &ListQuery,
    ) -> Self {
        let prefix_len = prefix.len();
        let from = keys::listed(
            prefix.clone(),
            query.started_from_ms.unwrap_or(i64::MIN),
            "",
        );
        let before = query
            .started_before_ms
            .map(|ms| keys::listed(prefix.clone(), ms, ""));
        let after = query
            .after
            .as_ref()
            .map(|(ms, arn)| keys::listed(prefix.clone(), *ms, arn));
        let end = match (before, after) {
            (Some(before), Some(after)) => Bound::Excluded(before.min(after)),
            (Some(end), None) | (None, Some(end)) => Bound::Excluded(end),
            (None, None) => end_of(prefix),
        };
        // A range that ends before it begins is empty, not a mistake of the caller.
        let end = match end {
            Bound::Excluded(end) if end < from => Bound::Excluded(from.clone()),
            end => end,
        };
        Self {
            entries: snapshot.range::<Vec<u8>, _>(keyspace, (Bound::Included(from), end)),
            prefix_len,
            from: (snapshot, db),
        }
    }

    /// The row of an entry; `None` if it is of an execution that is gone, which an index may still have.
    fn read(&self, entry: Guard) -> Result<Option<Row>, StoreError> {
        let (key, value) = entry.into_inner()?;
        let (start_ms, arn) = keys::parse_listed(&key, self.prefix_len)
            .ok_or(StoreError::Corrupt("a key of a list"))?;
        let facts = if value.is_empty() {
            let (snapshot, db) = self.from;
            match snapshot.get(&db.summaries, keys::listed(Vec::new(), start_ms, arn))? {
                Some(value) => Facts::decode(&value)?,
                None => return Ok(None),
            }
        } else {
            Facts::decode(&value)?
        };
        Ok(Some(Row {
            start_ms,
            arn: arn.into(),
            facts,
        }))
    }
}

/// The first key after all that begin with `prefix`.
fn end_of(mut prefix: Vec<u8>) -> Bound<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return Bound::Excluded(prefix);
        }
    }
    Bound::Unbounded
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = self.entries.next_back()?;
            if let Some(row) = self.read(entry).transpose() {
                return Some(row);
            }
        }
    }
}

/// The newest of what comes next in several indexes.
fn newest(rows: &mut [Peekable<Rows<'_>>]) -> Result<Option<Row>, StoreError> {
    let mut best: Option<(usize, (i64, Arc<str>))> = None;
    for (n, rows) in rows.iter_mut().enumerate() {
        match rows.peek() {
            None => {}
            Some(Err(_)) => return rows.next().transpose(),
            Some(Ok(row))
                if best
                    .as_ref()
                    .is_none_or(|(_, (ms, arn))| (row.start_ms, &row.arn) > (*ms, arn)) =>
            {
                best = Some((n, (row.start_ms, row.arn.clone())));
            }
            Some(Ok(_)) => {}
        }
    }
    best.and_then(|(n, _)| rows[n].next()).transpose()
}
