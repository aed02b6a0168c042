//! Takes connections and ends them.

use super::{
    ServerConfig,
    dispatch::Dispatch,
    http::{Shared, router},
    patience::Patient,
    ws::{Connections, Seat},
};
use axum::{Router, body::Body, http::StatusCode, response::IntoResponse};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::Methods;
use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, mpsc, watch},
};
use tower::ServiceExt;

/// Connections beyond the limit that are told so; more are closed without a word.
const REFUSED_AT_ONCE: usize = 64;
/// Time to tell them.
const REFUSE_TIME: Duration = Duration::from_secs(2);
/// Time for requests under way when the server stops.
const STOP_TIME: Duration = Duration::from_secs(5);
/// Pause after the system refused a connection, for instance because of too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {source}")]
pub struct ServeError {
    /// Where it was to listen.
    pub addr: SocketAddr,
    /// Why it cannot.
    pub source: std::io::Error,
}

impl ServeError {
    /// Whether the port is taken.
    pub fn in_use(&self) -> bool {
        self.source.kind() == std::io::ErrorKind::AddrInUse
    }
}

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct ServerHandle {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    /// Closed once every connection is gone.
    alive: mpsc::Receiver<()>,
}

impl ServerHandle {
    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening and waits some seconds for requests under way.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // Whoever is not done by then is cut.
        let _ = tokio::time::timeout(STOP_TIME, self.alive.recv()).await;
    }
}

/// Serves methods, and `extra` paths beside them.
///
/// # Errors
/// [`ServeError`]: the port is taken or the address is not ours.
pub async fn serve(
    config: ServerConfig,
    methods: impl Into<Methods>,
    extra: Option<Router>,
) -> Result<ServerHandle, ServeError> {
    let fail = |source| ServeError {
        addr: config.addr,
        source,
    };
    let listener = TcpListener::bind(config.addr).await.map_err(fail)?;
    let addr = listener.local_addr().map_err(fail)?;
    let config = Arc::new(ServerConfig { addr, ..config });
    let (stop, stopped) = watch::channel(false);
    let (alive_in, alive) = mpsc::channel(1);
    let shared = Shared {
        dispatch: Arc::new(Dispatch::new(methods.into(), Arc::clone(&config))),
        connections: Arc::new(Connections::new(stopped.clone())),
        config: Arc::clone(&config),
    };
    let gate = Gate {
        router: router(shared, extra),
        seats: Arc::new(Semaphore::new(config.connections)),
        refused: Arc::new(Semaphore::new(REFUSED_AT_ONCE)),
        stopped,
        alive: alive_in,
        config,
    };
    tokio::spawn(gate.run(listener));
    Ok(ServerHandle { addr, stop, alive })
}

struct Gate {
    router: Router,
    seats: Arc<Semaphore>,
    refused: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
    config: Arc<ServerConfig>,
}

impl Gate {
    async fn run(self, listener: TcpListener) {
        let mut stopped = self.stopped.clone();
        loop {
            let accepted = tokio::select! {
                // An error means that the handle is gone: stop as well.
                _ = stopped.wait_for(|stop| *stop) => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.take(stream),
                Err(error) => {
                    tracing::warn!(%error, "rpc.accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream) {
        // Only speed is lost where it fails.
        let _ = stream.set_nodelay(true);
        if let Ok(permit) = Arc::clone(&self.seats).try_acquire_owned() {
            let seat = Seat {
                _permit: Arc::new(permit),
                _alive: self.alive.clone(),
            };
            let (router, stopped) = (self.router.clone(), self.stopped.clone());
            tokio::spawn(connection(
                stream,
                router,
                seat,
                stopped,
                Arc::clone(&self.config),
            ));
        } else if let Ok(permit) = Arc::clone(&self.refused).try_acquire_owned() {
            tokio::spawn(async move {
                let _permit = permit;
                let service = service_fn(|_: hyper::Request<Incoming>| async {
                    Ok::<_, Infallible>(
                        (StatusCode::TOO_MANY_REQUESTS, "too many connections\n").into_response(),
                    )
                });
                let mut http = http1::Builder::new();
                let serving = http
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                // What becomes of it is no longer our concern.
                let _ = tokio::time::timeout(REFUSE_TIME, serving).await;
            });
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    seat: Seat,
    mut stopped: watch::Receiver<bool>,
    config: Arc<ServerConfig>,
) {
    let spoke = Arc::new(Notify::new());
    let heard = Arc::clone(&spoke);
    let keep = seat.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        heard.notify_one();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(seat.clone());
        router.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.idle_time);
    let serving = http
        .serve_connection(
            TokioIo::new(Patient::new(stream, config.stall_time)),
            service,
        )
        .with_upgrades();
    let mut serving = pin!(serving);
    let mut first = pin!(async {
        // Once it has spoken, only the time between requests counts.
        if tokio::time::timeout(config.first_header_time, spoke.notified())
            .await
            .is_ok()
        {
            std::future::pending::<()>().await;
        }
    });
    let mut end = pin!(async {
        // An error means that the handle is gone: stop as well.
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    tokio::select! {
        _ = serving.as_mut() => {}
        () = first.as_mut() => {}
        () = end.as_mut() => {
            serving.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(STOP_TIME, serving).await;
        }
    }
    drop(keep);
}
