//! `GET /v1/events`: the changes of all executions that a filter takes, as server-sent events.
//!
//! Owns: the stream's form, and asking every node for the changes of its partitions. An event's `id` says for each
//! partition how far the stream is, so a client that comes back with `Last-Event-ID`, to any node, goes on behind it. What
//! no node has at hand any more is said in an event `gap`: then the client has to list. Must not: end because a partition
//! has no owner for a while.

use super::executions::{listed, with_text_time};
use super::query::{Query, bad};
use super::shapes::{Change, Problem};
use super::{answer, events, filter};
use crate::app::App;
use crate::app::changes::{self, ChangesPage, ChangesQuery};
use crate::app::error::ApiError;
use crate::app::remote::{Answer, Request};
use crate::limits;
use crate::recent::Offsets;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt};
use serde_json::json;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

#[utoipa::path(
    get, path = "/v1/events", tag = "executions",
    summary = "The changes of all executions of a filter as they come (server-sent events)",
    params(
        ("machine" = Option<String>, Query, description = "Of this state machine: name or ARN"),
        ("status" = Option<String>, Query, description = "That have this status after the change"),
        ("from" = Option<String>, Query, description = "Started at or after this time (RFC 3339)"),
        ("before" = Option<String>, Query, description = "Started before this time (RFC 3339)"),
        ("name_prefix" = Option<String>, Query, description = "Name begins with this"),
        ("error" = Option<String>, Query, description = "Ended with this error; `Card.*` for all that begin so"),
        ("where" = Option<String>, Query, description = "Conditions, as for the list of executions"),
        ("view" = Option<String>, Query, description = "Name of a saved view: what it says holds too"),
        ("data" = Option<bool>, Query, description = "Whether events have their payloads; false if absent"),
        ("after" = Option<String>, Query, description = "Begin behind the event with this id; now if absent"),
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`; a browser sends it when it comes back"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn stream(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Response {
    answer("WatchExecutions", open(app, &headers, &uri).await)
}

async fn open(app: Arc<App>, headers: &HeaderMap, uri: &Uri) -> Result<Response, ApiError> {
    let mut known = filter::PARAMETERS.to_vec();
    known.extend([filter::ATTRIBUTE, "data", "after"]);
    let query = Query::of(uri, &known)?;
    let permit = events::permit(&app)?;
    let wanted = ChangesQuery {
        seen: begin(headers, &query)?,
        filter: filter::filter_of(&app, &query).await?.request(&app),
        include_data: query.flag("data", false)?,
    };
    if let Some(machine) = &wanted.filter.machine {
        app.existing_machine(machine).await?;
    }
    let following = Following {
        app,
        query: wanted,
        asked: BTreeSet::new(),
        polls: FuturesUnordered::new(),
        quiet_since: Instant::now(),
        _permit: permit,
    };
    let begun = stream::iter([Ok(Event::default().retry(events::RETRY).comment("begin"))]);
    Ok(Sse::new(begun.chain(following.items())).into_response())
}

/// Where the stream begins: nowhere is now.
fn begin(headers: &HeaderMap, query: &Query) -> Result<Offsets, ApiError> {
    let header = headers
        .get("last-event-id")
        .map(|value| value.to_str().unwrap_or_default().trim());
    let (name, text) = match header.filter(|text| !text.is_empty()) {
        Some(text) => ("the header Last-Event-ID", text),
        None => ("after", query.text("after").unwrap_or("")),
    };
    if text.is_empty() {
        return Ok(Offsets::new());
    }
    read_id(text).ok_or_else(|| bad(name, text, "the id of an event of this stream"))
}

/// How far a stream is, as the id of an event: `0:17,1:5`.
fn id_of(seen: &Offsets) -> String {
    let parts: Vec<String> = seen
        .iter()
        .map(|(partition, offset)| format!("{partition}:{offset}"))
        .collect();
    parts.join(",")
}

fn read_id(text: &str) -> Option<Offsets> {
    if text.len() > limits::EVENT_ID_LENGTH_MAX {
        return None;
    }
    let part = |part: &str| {
        let (partition, offset) = part.split_once(':')?;
        Some((partition.parse().ok()?, offset.parse().ok()?))
    };
    text.split(',').map(part).collect()
}

type Item = Result<Event, Infallible>;
/// A node, by its URL; `None` is this one.
type Node = Option<Arc<str>>;

/// What a stream remembers.
struct Following {
    app: Arc<App>,
    query: ChangesQuery,
    /// Nodes that are being asked.
    asked: BTreeSet<Node>,
    polls: FuturesUnordered<BoxFuture<'static, (Node, Option<ChangesPage>)>>,
    quiet_since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Following {
    /// Items until the node shuts down; something at least every [`limits::WAIT_ROUND`].
    fn items(self) -> impl Stream<Item = Item> {
        stream::unfold(self, |mut following| async move {
            loop {
                if following.app.is_draining() {
                    return None;
                }
                let mut items = following.round().await;
                if items.is_empty() && following.quiet_since.elapsed() >= limits::WAIT_ROUND {
                    let id = id_of(&following.query.seen);
                    items.push(Ok(Event::default().id(id).comment("alive")));
                }
                if !items.is_empty() {
                    following.quiet_since = Instant::now();
                    return Some((stream::iter(items), following));
                }
            }
        })
        .flatten()
    }

    /// Asks every node that is not being asked, and takes the next answer, if one comes soon.
    async fn round(&mut self) -> Vec<Item> {
        for node in self.nodes() {
            if self.asked.insert(node.clone()) {
                let (app, query) = (self.app.clone(), self.query.clone());
                self.polls.push(ask(app, query, node).boxed());
            }
        }
        let next = tokio::time::timeout(limits::OWNER_LOOK_EVERY, async {
            match self.polls.next().await {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        });
        let app = self.app.clone();
        let answered = tokio::select! {
            answered = next => answered,
            () = app.drained() => return Vec::new(),
        };
        match answered {
            Ok((node, page)) => {
                self.asked.remove(&node);
                page.map_or_else(Vec::new, |page| self.take(page))
            }
            Err(_too_long) => Vec::new(),
        }
    }

    /// This node and those that are said to own partitions.
    fn nodes(&self) -> BTreeSet<Node> {
        let cluster = &self.app.parts.cluster;
        let owner = |partition: i32| match cluster.owns(partition) {
            true => Some(None),
            false => cluster
                .owner_url(partition)
                .filter(|url| *url != self.app.settings.url)
                .map(Some),
        };
        (0..cluster.partitions()).filter_map(owner).collect()
    }

    /// The page in the stream's form. Two nodes may both have a partition's changes while it moves; each has all behind
    /// what it was asked for, so what was seen already is left out.
    fn take(&mut self, page: ChangesPage) -> Vec<Item> {
        let mut items = Vec::new();
        let begins = page.seen.keys().any(|p| !self.query.seen.contains_key(p));
        if !page.lost.is_empty() {
            let gap = json!({
                "partitions": page.lost,
                "detail": "changes of these partitions were missed: list the executions again",
            });
            items.push(Ok(Event::default().event("gap").data(gap.to_string())));
        }
        for change in page.changes {
            let seen = self.query.seen.entry(change.partition).or_insert(-1);
            if change.offset <= *seen {
                continue;
            }
            *seen = change.offset;
            let shown = Change {
                execution: listed(&change.execution),
                events: change.events.into_iter().map(with_text_time).collect(),
            };
            let data = serde_json::to_string(&shown).expect("plain data serialises");
            let id = id_of(&self.query.seen);
            items.push(Ok(Event::default().id(id).event("change").data(data)));
        }
        for (partition, offset) in page.seen {
            let seen = self.query.seen.entry(partition).or_insert(offset);
            *seen = offset.max(*seen);
        }
        if begins {
            let id = id_of(&self.query.seen);
            items.push(Ok(Event::default().id(id).comment("from here on")));
        }
        items
    }
}

/// Asks a node once. One that can't answer is asked again a little later.
async fn ask(app: Arc<App>, query: ChangesQuery, node: Node) -> (Node, Option<ChangesPage>) {
    let wait_ms = limits::WAIT_ROUND.as_millis() as u64;
    let answered = match &node {
        None => changes::local(&app, &query, wait_ms).await,
        Some(url) => {
            let request = Request::Changes { query, wait_ms };
            match app.ask(url, &request).await {
                Ok(Answer::Changes(page)) => Ok(page),
                Ok(_) => Err(crate::app::start::other_answer()),
                Err(error) => Err(error),
            }
        }
    };
    match answered {
        Ok(page) => (node, Some(page)),
        Err(error) => {
            tracing::debug!(node.url = node.as_deref(), %error, "a stream lacks the changes of a node for a while");
            tokio::time::sleep(limits::ROUTE_PAUSE_MAX).await;
            (node, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_and_nonsense_is_refused() {
        let seen: Offsets = [(0, 17), (3, -1)].into();
        assert_eq!(id_of(&seen), "0:17,3:-1");
        assert_eq!(read_id(&id_of(&seen)), Some(seen));
        for text in ["x", "1", "1:", "1:2,", "1:2;3:4"] {
            assert_eq!(read_id(text), None, "{text}");
        }
    }
}
