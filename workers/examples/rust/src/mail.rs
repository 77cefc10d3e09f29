//! Queue `send-mail`: sends a mail by SMTP, or puts it into a spool folder.
//!
//! Input `{"to": address, "subject", "text"}`; output `{"messageId", "via": "smtp" | path}`. No mail server takes a mail
//! exactly once; so the Message-ID follows from the task's token, and a repeat is one that mail systems drop. In a spool
//! folder it is the same file.

use baton_worker::{Task, TaskError};
use lettre::message::Mailbox;
use lettre::{Message, SmtpTransport, Transport};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Error name of a mail that makes no sense: no retry helps.
pub const BAD: &str = "Mail.Bad";
/// Error name of a mail that nobody took; the definition retries it.
pub const NOT_SENT: &str = "Mail.NotSent";
/// Longest wait for a mail server.
const TIMEOUT: Duration = Duration::from_secs(20);
const PORT_DEFAULT: u16 = 25;

/// What the task is given.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// Address of the receiver.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// What the task gives.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The mail's Message-ID.
    pub message_id: String,
    /// `smtp`, or the file in the spool folder.
    pub via: String,
}

/// Where mail goes.
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

enum Way {
    Smtp(Box<SmtpTransport>),
    Spool(PathBuf),
}

impl Mailer {
    /// By `SMTP_URL` (`smtp://HOST:PORT`, a relay nearby: without TLS) if it is set, else into the folder `MAIL_SPOOL`
    /// (default `mail`); from `MAIL_FROM`.
    ///
    /// # Errors
    /// Which variable can't be used, and what it should be.
    pub fn from_env() -> Result<Self, String> {
        let get = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let from = get("MAIL_FROM").unwrap_or_else(|| "Baton <baton@localhost>".to_owned());
        let spool = get("MAIL_SPOOL").unwrap_or_else(|| "mail".to_owned());
        Self::new(&from, get("SMTP_URL").as_deref(), spool.into())
    }

    /// The same from its parts.
    ///
    /// # Errors
    /// As [`Self::from_env`].
    pub fn new(from: &str, smtp: Option<&str>, spool: PathBuf) -> Result<Self, String> {
        let from = from
            .parse()
            .map_err(|e| format!("MAIL_FROM={from}: must be an address: {e}"))?;
        let way = match smtp {
            None => Way::Spool(spool),
            Some(url) => {
                let (host, port) = relay(url).ok_or_else(|| {
                    format!("SMTP_URL={url}: must be smtp://HOST or smtp://HOST:PORT")
                })?;
                let smtp = SmtpTransport::builder_dangerous(host).port(port);
                Way::Smtp(Box::new(smtp.timeout(Some(TIMEOUT)).build()))
            }
        };
        Ok(Self { from, way })
    }

    /// Sends the mail of the task.
    ///
    /// # Errors
    /// `Mail.Bad`, `Mail.NotSent`.
    pub fn send(&self, task: &Task) -> Result<Sent, TaskError> {
        let input: Input = task.input()?;
        let to = input
            .to
            .parse()
            .map_err(|e| TaskError::new(BAD, format!("to {:?}: {e}", input.to)))?;
        let key = fingerprint(task.token().as_str());
        let message_id = format!("<{key}@baton>");
        let mail = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(input.subject)
            .message_id(Some(message_id.clone()))
            .body(input.text)
            .map_err(|e| TaskError::new(BAD, e))?;
        let via = self.deliver(&mail, &key)?;
        Ok(Sent { message_id, via })
    }

    fn deliver(&self, mail: &Message, key: &str) -> Result<String, TaskError> {
        match &self.way {
            Way::Smtp(smtp) => {
                smtp.send(mail)
                    .map_err(|e| TaskError::new(NOT_SENT, format!("the mail server: {e}")))?;
                Ok("smtp".to_owned())
            }
            Way::Spool(folder) => {
                let file = folder.join(format!("{key}.eml"));
                let part = folder.join(format!("{key}.part"));
                let written = std::fs::create_dir_all(folder)
                    .and_then(|()| std::fs::write(&part, mail.formatted()))
                    .and_then(|()| std::fs::rename(&part, &file));
                written
                    .map_err(|e| TaskError::new(NOT_SENT, format!("{}: {e}", file.display())))?;
                Ok(file.display().to_string())
            }
        }
    }
}

fn relay(url: &str) -> Option<(&str, u16)> {
    let place = url.strip_prefix("smtp://")?.trim_end_matches('/');
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (place, PORT_DEFAULT),
    };
    (!host.is_empty() && !host.contains(['/', '@'])).then_some((host, port))
}

/// 64-bit FNV-1a as text: the same for the same token, on every worker and after every restart.
fn fingerprint(token: &str) -> String {
    let hash = token.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_a_host_and_a_port() {
        assert_eq!(relay("smtp://mail.example"), Some(("mail.example", 25)));
        assert_eq!(relay("smtp://127.0.0.1:2525/"), Some(("127.0.0.1", 2525)));
        for bad in [
            "mail.example",
            "smtps://x",
            "smtp://",
            "smtp://x:y",
            "smtp://u:p@x",
        ] {
            assert_eq!(relay(bad), None, "{bad}");
            assert!(Mailer::new("a@b.example", Some(bad), "mail".into()).is_err());
        }
    }
}
