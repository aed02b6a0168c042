//! From a message to its answer.

use super::{
    ServerConfig,
    envelope::{Call, Incoming, Refusal, failed, parse, split},
    hangup::Hangup,
    patience::{Budget, Share},
};
use crate::error::{busy, code, error, limit};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use jsonrpsee::{
    ConnectionId, MethodCallback, Methods,
    core::{
        server::{BoundedSubscriptions, MethodResponse, MethodSink, SubscriptionState},
        traits::IdProvider,
    },
    types::{ErrorObjectOwned, Id, Params, SubscriptionId},
};
use serde_json::value::RawValue;
use std::{panic::AssertUnwindSafe, sync::Arc};
use tokio::time::Instant;

/// Entries of a batch that run at once.
const BATCH_AT_ONCE: usize = 16;

/// Subscription ids: `0x` and 16 random bytes.
#[derive(Debug)]
struct RandomIds;

impl IdProvider for RandomIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("0x{}", hex::encode(rand::random::<[u8; 16]>())).into()
    }
}

/// The WebSocket side of a connection.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    pub(super) id: ConnectionId,
    pub(super) sink: MethodSink,
    pub(super) subscriptions: BoundedSubscriptions,
    pub(super) hangup: Hangup,
}

/// Calls methods.
#[derive(Debug)]
pub(super) struct Dispatch {
    methods: Methods,
    config: Arc<ServerConfig>,
    budget: Budget,
}

/// An answer: none for notifications and for what a subscription has already answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) body: Option<String>,
    /// Whether the node was too busy for the whole request.
    pub(super) busy: bool,
    /// The call that it answers; none of a batch.
    id: Id<'static>,
}

impl Reply {
    const NONE: Self = Self {
        body: None,
        busy: false,
        id: Id::Null,
    };

    fn of(body: String) -> Self {
        Self {
            body: Some(body),
            busy: false,
            id: Id::Null,
        }
    }

    pub(super) fn refused(refusal: &Refusal) -> Self {
        Self::of(failed(&refusal.id, &refusal.error))
    }
}

impl Dispatch {
    pub(super) fn new(methods: Methods, config: Arc<ServerConfig>) -> Self {
        let budget = Budget::new(config.held_bytes.max(config.answer_bytes));
        Self {
            methods,
            config,
            budget,
        }
    }

    /// The body of an answer with its share in what may wait for readers, or an answer that says so.
    pub(super) fn hold(&self, reply: Reply) -> (Reply, Option<Share>) {
        let Some(body) = &reply.body else {
            return (reply, None);
        };
        if let Some(share) = self.budget.share(body.len()) {
            return (reply, Some(share));
        }
        let refused = Reply {
            body: Some(failed(&reply.id, &busy())),
            busy: true,
            id: Id::Null,
        };
        let share = refused
            .body
            .as_ref()
            .and_then(|body| self.budget.share(body.len()));
        (refused, share)
    }

    /// Answers a message; `socket` is `None` over HTTP.
    pub(super) async fn message(&self, body: &[u8], socket: Option<&Socket>) -> Reply {
        if body.len() > self.config.request_bytes {
            return Reply::refused(&self.too_large());
        }
        match split(body) {
            Err(refusal) => Reply::refused(&refusal),
            Ok(Incoming::One(text)) => self.one(text, socket).await,
            Ok(Incoming::Batch(entries)) => self.batch(entries, socket.is_some()).await,
        }
    }

    /// The refusal of a request with too many bytes.
    pub(super) fn too_large(&self) -> Refusal {
        let message = format!(
            "Request is too big: limit {} bytes",
            self.config.request_bytes
        );
        Refusal {
            id: Id::Null,
            error: error(code::REQUEST_TOO_LARGE, message),
        }
    }

    /// The result of a method without parameters, for our own pages.
    pub(super) async fn ask(&self, method: &str) -> Option<serde_json::Value> {
        let call = Call {
            id: Some(Id::Number(0)),
            method: method.into(),
            params: None,
        };
        let answer = self.call(call, &Way::Http).await;
        let mut answer: serde_json::Value = serde_json::from_str(answer.body.as_deref()?).ok()?;
        Some(answer.get_mut("result")?.take())
    }

    async fn one(&self, text: &[u8], socket: Option<&Socket>) -> Reply {
        let way = socket.map_or(Way::Http, Way::Socket);
        match parse(text) {
            Ok(call) => self.call(call, &way).await,
            Err(refusal) => Reply::refused(&refusal),
        }
    }

    async fn batch(&self, entries: Vec<&RawValue>, over_socket: bool) -> Reply {
        let max = self.config.batch;
        if entries.len() > max {
            let message = format!("The batch request was too large: Exceeded max limit of {max}");
            let error = error(code::BATCH_TOO_LARGE, message);
            return Reply::refused(&Refusal {
                id: Id::Null,
                error,
            });
        }
        let end = Instant::now() + self.config.batch_time;
        let way = Way::Batch { over_socket };
        let calls: Vec<BoxFuture<'_, _>> = entries
            .into_iter()
            .map(|entry| self.entry(entry, &way, end).boxed())
            .collect();
        let mut answers = stream::iter(calls).buffered(BATCH_AT_ONCE);
        let mut out = String::from("[");
        while let Some((id, reply)) = answers.next().await {
            let Some(mut body) = reply.body else { continue };
            if out.len() + body.len() > self.config.answer_bytes {
                body = failed(&id, &self.answer_too_large());
            }
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(&body);
        }
        if out.len() == 1 {
            return Reply::NONE;
        }
        out.push(']');
        Reply::of(out)
    }

    fn answer_too_large(&self) -> ErrorObjectOwned {
        let message = format!(
            "Response is too big: limit {} bytes",
            self.config.answer_bytes
        );
        error(code::ANSWER_TOO_LARGE, message)
    }

    async fn entry(&self, entry: &RawValue, way: &Way<'_>, end: Instant) -> (Id<'static>, Reply) {
        let call = match parse(entry.get().as_bytes()) {
            Ok(call) => call,
            Err(refusal) => return (Id::Null, Reply::refused(&refusal)),
        };
        let id = call.id.clone().unwrap_or(Id::Null);
        let notification = call.id.is_none();
        let reply = tokio::time::timeout_at(end, self.call(call, way))
            .await
            .unwrap_or_else(|_| {
                let why = limit(format!(
                    "batch took longer than {} s",
                    self.config.batch_time.as_secs()
                ));
                if notification {
                    Reply::NONE
                } else {
                    Reply::of(failed(&id, &why))
                }
            });
        (id, reply)
    }

    async fn call(&self, call: Call<'_>, way: &Way<'_>) -> Reply {
        let notification = call.id.is_none();
        let id = call.id.clone().unwrap_or(Id::Null);
        let answer = AssertUnwindSafe(self.run(id.clone(), &call, way))
            .catch_unwind()
            .await;
        let answer = answer.unwrap_or_else(|_| {
            tracing::error!(method = %call.method, "rpc.panic");
            MethodResponse::error(id.clone(), error(code::INTERNAL, "internal error"))
        });
        // A subscription has answered by itself, so that the answer comes before its first message.
        if notification || answer.is_subscription() {
            return Reply::NONE;
        }
        let body = match answer.as_error_code() {
            Some(code::ANSWER_TOO_LARGE) => failed(&id, &self.answer_too_large()),
            _ => String::from(Box::<str>::from(answer.to_json())),
        };
        Reply {
            body: Some(body),
            busy: answer.as_error_code() == Some(code::BUSY),
            id,
        }
    }

    async fn run(&self, id: Id<'static>, call: &Call<'_>, way: &Way<'_>) -> MethodResponse {
        let Some(callback) = self.methods.method(&call.method) else {
            let message = format!("Method not found: {}", shorten(&call.method));
            return MethodResponse::error(id, error(code::METHOD_NOT_FOUND, message));
        };
        let params = Params::new(call.params.map(RawValue::get));
        let max = self.config.answer_bytes;
        let mut extensions = jsonrpsee::Extensions::new();
        if let Way::Socket(socket) = way {
            extensions.insert(socket.hangup.clone());
        }
        match (callback, way) {
            (MethodCallback::Sync(run), _) => run(id, params, max, extensions),
            (MethodCallback::Async(run), _) => {
                run(id, params.into_owned(), ConnectionId(0), max, extensions).await
            }
            (MethodCallback::Subscription(_) | MethodCallback::Unsubscription(_), Way::Http) => {
                MethodResponse::error(id, self.not_over_http())
            }
            (
                MethodCallback::Subscription(_) | MethodCallback::Unsubscription(_),
                Way::Batch { over_socket },
            ) => MethodResponse::error(
                id,
                if *over_socket {
                    not_in_a_batch()
                } else {
                    self.not_over_http()
                },
            ),
            (MethodCallback::Unsubscription(run), Way::Socket(socket)) => {
                run(id, params, socket.id, max, extensions)
            }
            (MethodCallback::Subscription(run), Way::Socket(socket)) => {
                let Some(permit) = socket.subscriptions.acquire() else {
                    let max = socket.subscriptions.max();
                    return MethodResponse::error(
                        id,
                        limit(format!("too many subscriptions: limit {max}")),
                    );
                };
                let state = SubscriptionState {
                    conn_id: socket.id,
                    id_provider: &RandomIds,
                    subscription_permit: permit,
                };
                run(id, params, socket.sink.clone(), state, extensions).await
            }
        }
    }

    fn not_over_http(&self) -> ErrorObjectOwned {
        let addr = self.config.addr;
        let message = format!("notifications not supported over HTTP, connect to ws://{addr}");
        error(code::METHOD_NOT_FOUND, message)
    }
}

fn not_in_a_batch() -> ErrorObjectOwned {
    error(
        code::INVALID_REQUEST,
        "Invalid request: subscriptions are not made in a batch",
    )
}

/// How a call came.
#[derive(Debug)]
enum Way<'a> {
    Http,
    Socket(&'a Socket),
    Batch { over_socket: bool },
}

/// At most 64 characters of a name that somebody else chose.
fn shorten(name: &str) -> &str {
    name.char_indices()
        .nth(64)
        .map_or(name, |(end, _)| &name[..end])
}
