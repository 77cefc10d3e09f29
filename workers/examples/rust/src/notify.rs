//! Queue `notify`: tells somebody, here as a line on stdout and, if asked for, in a file.
//!
//! Input `{"message": text, "file": path (optional), ...}`; output `{"notified": text}`. A repeated task would write the
//! line twice, so the line carries the task's token: whoever reads the file can tell.

use crate::io;
use baton_worker::{Task, TaskError};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::Write;

/// What the task is given; more fields are welcome and ignored.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// What to say.
    pub message: String,
    /// File to add the line to.
    pub file: Option<String>,
}

/// What the task gives.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Notified {
    /// What was said.
    pub notified: String,
}

/// Says it.
///
/// # Errors
/// `Image.Io` when the file can't be written.
pub fn notify(task: Task) -> Result<Notified, TaskError> {
    let Input { message, file } = task.input()?;
    let line = message.replace(['\n', '\r'], " ");
    println!("{line}");
    if let Some(file) = file {
        let line = format!("{line}\t{}\n", task.token().as_str());
        let opened = OpenOptions::new().create(true).append(true).open(&file);
        opened
            .and_then(|mut f| f.write_all(line.as_bytes()))
            .map_err(|e| io(&file, e))?;
    }
    Ok(Notified { notified: message })
}
