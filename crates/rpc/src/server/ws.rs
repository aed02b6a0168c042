//! Calls and subscriptions over WebSocket.

use super::{
    ServerConfig,
    dispatch::{Dispatch, Socket},
    hangup::Hangup,
    http::Shared,
    page,
    patience::Share,
};
use axum::{
    extract::{
        FromRequestParts, Request, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::header::UPGRADE,
    response::{IntoResponse, Response},
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use jsonrpsee::{
    ConnectionId,
    core::server::{BoundedSubscriptions, MethodSink},
};
use serde_json::value::RawValue;
use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

/// Pings without an answer after which a connection is closed.
const MISSED_MAX: u32 = 2;

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Connections {
    next: AtomicUsize,
    stop: watch::Receiver<bool>,
}

impl Connections {
    pub(super) const fn new(stop: watch::Receiver<bool>) -> Self {
        Self {
            next: AtomicUsize::new(1),
            stop,
        }
    }
}

/// A connection's place among those allowed, and its part in a graceful end. Kept until it is closed.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) _permit: Arc<OwnedSemaphorePermit>,
    pub(super) _alive: mpsc::Sender<()>,
}

/// `GET /`: a socket, or a page for people.
pub(super) async fn upgrade_or_page(state: State<Shared>, request: Request) -> Response {
    if request.headers().contains_key(UPGRADE) {
        upgrade(state, request).await
    } else {
        page::page(&state.0).await
    }
}

/// `GET /ws`.
pub(super) async fn upgrade(State(shared): State<Shared>, request: Request) -> Response {
    let seat = request.extensions().get::<Seat>().cloned();
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    // A message that is too long for us is read whole and refused, so that the connection lives; one
    // of twice that length ends it.
    let max = shared.config.request_bytes.saturating_mul(2);
    upgrade
        .max_message_size(max)
        .max_frame_size(max)
        .on_upgrade(move |socket| async move {
            let _seat = seat;
            serve(shared, socket).await;
        })
}

async fn serve(shared: Shared, socket: WebSocket) {
    let config = &shared.config;
    let (send, messages) = mpsc::channel(config.unread);
    let (answer, answers) = mpsc::channel(config.calls);
    let hangup = Hangup::new();
    let missed = Arc::new(AtomicU32::new(0));
    let socket_side = Socket {
        id: ConnectionId(shared.connections.next.fetch_add(1, Ordering::Relaxed)),
        sink: MethodSink::new_with_limit(
            send,
            u32::try_from(config.answer_bytes).unwrap_or(u32::MAX),
        ),
        subscriptions: BoundedSubscriptions::new(config.subscriptions),
        hangup: hangup.clone(),
    };
    let (writer, reader) = socket.split();
    let mut stop = shared.connections.stop.clone();
    let end = async move {
        // An error means that the server is gone: stop as well.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        () = write(writer, messages, answers, config, &missed) => {}
        () = read(reader, &shared.dispatch, socket_side, answer, config, &missed) => {}
        () = hangup.hung_up() => {}
        () = end => {}
    }
}

/// An answer with its turn among the calls of the connection, which ends when it is sent.
#[derive(Debug)]
struct Answer {
    body: String,
    _turn: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// Sends what waits, and pings; ends when the other side no longer listens.
async fn write(
    mut writer: SplitSink<WebSocket, Message>,
    mut messages: mpsc::Receiver<Box<RawValue>>,
    mut answers: mpsc::Receiver<Answer>,
    config: &ServerConfig,
    missed: &AtomicU32,
) {
    let mut pings = tokio::time::interval(config.ping);
    pings.tick().await;
    let patience = config.ping.saturating_mul(MISSED_MAX);
    loop {
        // Kept until the answer is sent.
        let mut sending = None;
        let message = tokio::select! {
            // What a subscription told before it was ended comes before the answer to that.
            biased;
            message = messages.recv() => match message {
                Some(json) => Message::text(String::from(Box::<str>::from(json))),
                None => return,
            },
            answer = answers.recv() => match answer {
                Some(mut answer) => {
                    let text = std::mem::take(&mut answer.body);
                    sending = Some(answer);
                    Message::text(text)
                }
                None => return,
            },
            _ = pings.tick() => {
                if missed.fetch_add(1, Ordering::Relaxed) >= MISSED_MAX {
                    return;
                }
                Message::Ping(Default::default())
            }
        };
        match tokio::time::timeout(patience, writer.send(message)).await {
            Ok(Ok(())) => drop(sending),
            _ => return,
        }
    }
}

/// Takes messages and answers each on a task of its own.
async fn read(
    mut reader: SplitStream<WebSocket>,
    dispatch: &Arc<Dispatch>,
    socket: Socket,
    answers: mpsc::Sender<Answer>,
    config: &ServerConfig,
    missed: &AtomicU32,
) {
    let turns = Arc::new(Semaphore::new(config.calls));
    while let Some(Ok(message)) = reader.next().await {
        missed.store(0, Ordering::Relaxed);
        let body = match message {
            Message::Text(text) => text.into(),
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return,
        };
        // While all turns are taken nothing more is read: that is the back-pressure.
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
            return;
        };
        missed.store(0, Ordering::Relaxed);
        let (dispatch, socket, answers) = (Arc::clone(dispatch), socket.clone(), answers.clone());
        tokio::spawn(async move {
            let reply = tokio::select! {
                reply = dispatch.message(&body, Some(&socket)) => reply,
                // Nobody waits for the answer any more.
                () = socket.sink.closed() => return,
            };
            let (reply, share) = dispatch.hold(reply);
            if let Some(body) = reply.body {
                let (_turn, _share) = (turn, share);
                let answer = Answer {
                    body,
                    _turn,
                    _share,
                };
                // The connection may be gone.
                let _ = answers.send(answer).await;
            }
        });
    }
}
