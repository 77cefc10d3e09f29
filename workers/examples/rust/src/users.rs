//! Queue `store-user`: puts a user into an SQLite file, once.
//!
//! Input `{"user": {"id", "name", "email"}}`; output `{"id", "number"}`. A task may be delivered again after a crash: what
//! a token has done is kept in the same transaction, so a repeat finds the first answer instead of a second user.

use baton_worker::{Task, TaskError};
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Error name of a user who is there already; the definition catches it.
pub const EXISTS: &str = "User.Exists";
/// Error name of a database that can't be used now; the definition retries it.
pub const DATABASE: &str = "User.Database";
/// Longest wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// A user.
#[derive(Debug, Deserialize)]
pub struct User {
    /// Chosen by whoever signed the user up.
    pub id: String,
    /// For people.
    pub name: String,
    /// Address for mail; each may sign up once.
    pub email: String,
}

#[derive(Debug, Deserialize)]
struct Input {
    user: User,
}

/// What the task gives.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The user's id.
    pub id: String,
    /// Number of the row.
    pub number: i64,
}

/// The database.
pub struct Users(Mutex<Connection>);

impl Users {
    /// Opens the file, or makes one.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(BUSY)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE IF NOT EXISTS users (
                 number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE);
             CREATE TABLE IF NOT EXISTS done (token TEXT PRIMARY KEY, id TEXT NOT NULL, number INTEGER NOT NULL);",
        )?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Stores the user of the task.
    ///
    /// # Errors
    /// `User.Exists` if id or address are taken by another task's user, `User.Database` if the file can't be written.
    pub fn store(&self, task: &Task) -> Result<Stored, TaskError> {
        let Input { user } = task.input()?;
        self.once(task.token().as_str(), &user)
            .map_err(|e| match e.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation) => {
                    let what = format!("{} <{}> has signed up before", user.id, user.email);
                    TaskError::new(EXISTS, what)
                }
                _ => TaskError::new(DATABASE, e),
            })
    }

    fn once(&self, token: &str, user: &User) -> rusqlite::Result<Stored> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = step
            .query_row(
                "SELECT id, number FROM done WHERE token = ?1",
                [token],
                |row| {
                    Ok(Stored {
                        id: row.get(0)?,
                        number: row.get(1)?,
                    })
                },
            )
            .optional()?;
        if let Some(stored) = before {
            return Ok(stored);
        }
        step.execute(
            "INSERT INTO users (id, name, email) VALUES (?1, ?2, ?3)",
            params![user.id, user.name, user.email],
        )?;
        let stored = Stored {
            id: user.id.clone(),
            number: step.last_insert_rowid(),
        };
        step.execute(
            "INSERT INTO done (token, id, number) VALUES (?1, ?2, ?3)",
            params![token, stored.id, stored.number],
        )?;
        step.commit()?;
        Ok(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str, email: &str) -> User {
        User {
            id: id.to_owned(),
            name: "Ada".to_owned(),
            email: email.to_owned(),
        }
    }

    #[test]
    fn a_token_stores_one_user_however_often_it_comes() {
        let users = Users::open(Path::new(":memory:")).unwrap();
        let first = users
            .once("token-1", &user("ada", "ada@example.com"))
            .unwrap();
        let again = users
            .once("token-1", &user("ada", "ada@example.com"))
            .unwrap();
        assert_eq!(first, again);
        let other = users.once("token-2", &user("ada", "other@example.com"));
        let code = other.unwrap_err().sqlite_error_code();
        assert_eq!(code, Some(ErrorCode::ConstraintViolation));
        let next = users
            .once("token-2", &user("bob", "bob@example.com"))
            .unwrap();
        assert_eq!(next.number, first.number + 1);
    }
}
