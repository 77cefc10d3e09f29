//! An inbox: the memory of finished tasks in a SQLite database, beside what the handler itself writes there.
//!
//! Owns: that a task's effects on the database and the note that it is done are one transaction. So a command that comes
//! again after a crash is answered from the inbox, and its effects happen once. What a handler does elsewhere is not
//! covered; for that there is the task's token.

use crate::error::{TaskError, worker_failure};
use crate::handler::{Handler, Output, to_answer};
use crate::limits::INBOX_KEPT;
use crate::offsets::lock;
use crate::{Answer, Payload, Task};
use futures::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// Error name of an inbox whose database does not answer; worth a `Retry`.
pub const INBOX_FAILED: &str = "Worker.InboxFailed";

const TABLE: &str = "CREATE TABLE IF NOT EXISTS baton_inbox (
    token TEXT PRIMARY KEY, kind INTEGER NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL, done_s INTEGER NOT NULL
) WITHOUT ROWID";
const SWEEP_EVERY: u32 = 10_000;
const DONE: u8 = 0;
const SUBMITTED: u8 = 1;
const FAILED: u8 = 2;

/// An open inbox. Cheap to clone; all clones are one connection.
#[derive(Clone)]
pub struct Inbox(Arc<Mutex<State>>);

struct State {
    database: Connection,
    until_sweep: u32,
}

impl Inbox {
    /// Opens or makes the database at `path`; the table `baton_inbox` is the library's, all others are yours.
    ///
    /// # Errors
    /// SQLite can't open it.
    pub fn open(path: impl AsRef<Path>) -> rusqlite::Result<Self> {
        let database = Connection::open(path)?;
        // Each commit is on the disk before its completion is sent.
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(TABLE)?;
        Ok(Self(Arc::new(Mutex::new(State {
            database,
            until_sweep: 0,
        }))))
    }

    /// Runs `work` within a transaction unless the task is in the inbox; what it gives is kept with its effects. A failure
    /// takes its effects back and is kept, too: the workflow has it already when the command comes again.
    fn once<R: Serialize + 'static>(
        &self,
        task: &Task,
        work: impl FnOnce(&Task, &Transaction<'_>) -> Result<R, TaskError>,
    ) -> Output {
        let mut state = lock(&self.0);
        state.sweep().map_err(failed)?;
        let token = task.token().as_str();
        let immediate = TransactionBehavior::Immediate;
        let transaction = state
            .database
            .transaction_with_behavior(immediate)
            .map_err(failed)?;
        if let Some(known) = find(&transaction, token).map_err(failed)? {
            return known;
        }
        let output = work(task, &transaction).and_then(|output| to_answer(&output));
        if output.is_ok() {
            note(&transaction, token, &output).map_err(failed)?;
            transaction.commit().map_err(failed)?;
        } else {
            transaction.rollback().map_err(failed)?;
            note(&state.database, token, &output).map_err(failed)?;
        }
        output
    }
}

impl State {
    /// Forgets, now and then, tasks whose command Kafka no longer has.
    fn sweep(&mut self) -> rusqlite::Result<()> {
        if self.until_sweep == 0 {
            self.until_sweep = SWEEP_EVERY;
            let kept_s = i64::try_from(INBOX_KEPT.as_secs()).unwrap_or(i64::MAX);
            let oldest_s = now_s().saturating_sub(kept_s);
            self.database
                .execute("DELETE FROM baton_inbox WHERE done_s < ?1", [oldest_s])?;
        }
        self.until_sweep -= 1;
        Ok(())
    }
}

fn find(database: &Connection, token: &str) -> rusqlite::Result<Option<Output>> {
    let mut query =
        database.prepare("SELECT kind, first, second FROM baton_inbox WHERE token = ?1")?;
    let read = |row: &rusqlite::Row<'_>| {
        let texts: (u8, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(texts)
    };
    Ok(query
        .query_row([token], read)
        .optional()?
        .map(|(kind, first, second)| {
            if kind == FAILED {
                return Err(TaskError::new(first, second));
            }
            let payload = Payload::from_text(&first).map_err(|error| {
                worker_failure(INBOX_FAILED, "an entry of the inbox is not JSON", error)
            })?;
            Ok(if kind == SUBMITTED {
                Answer::Submitted(payload)
            } else {
                Answer::Done(payload)
            })
        }))
}

fn note(database: &Connection, token: &str, output: &Output) -> rusqlite::Result<()> {
    let (kind, first, second) = match output {
        Ok(Answer::Done(payload)) => (DONE, payload.as_str(), ""),
        Ok(Answer::Submitted(payload)) => (SUBMITTED, payload.as_str(), ""),
        Err(error) => (FAILED, error.error.as_str(), error.cause.as_str()),
    };
    let mut insert = database.prepare(
        "INSERT INTO baton_inbox (token, kind, first, second, done_s) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    insert
        .execute(params![token, kind, first, second, now_s()])
        .map(drop)
}

fn failed(error: rusqlite::Error) -> TaskError {
    worker_failure(INBOX_FAILED, "the inbox's database", error)
}

fn now_s() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A handler that works through an inbox, on tokio's blocking threads.
pub(crate) struct Once<F> {
    inbox: Inbox,
    work: Arc<F>,
}

impl<F> Once<F> {
    pub fn new(inbox: Inbox, work: F) -> Self {
        Self {
            inbox,
            work: Arc::new(work),
        }
    }
}

impl<F, R> Handler for Once<F>
where
    F: Fn(&Task, &Transaction<'_>) -> Result<R, TaskError> + Send + Sync + 'static,
    R: Serialize + 'static,
{
    fn start(&self, task: Task) -> BoxFuture<'static, Output> {
        let (inbox, work) = (self.inbox.clone(), Arc::clone(&self.work));
        crate::handler::blocking(move || inbox.once(&task, &*work))
    }
}
