//! Calls over HTTP, and the paths of the server.

use super::{
    ServerConfig,
    dispatch::{Dispatch, Reply},
    guard::guard,
    page,
    patience::Held,
    ws::{self, Connections},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::sync::Arc;
use tokio::time::timeout;
use tower_http::compression::{CompressionLayer, predicate::SizeAbove};

/// Smallest body that is worth packing.
const GZIP_FROM: u64 = 1_024;

/// What every path answers from.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) config: Arc<ServerConfig>,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) connections: Arc<Connections>,
}

/// All paths.
pub(super) fn router(shared: Shared, extra: Option<Router>) -> Router {
    let config = Arc::clone(&shared.config);
    let ours = Router::new()
        .route("/", get(ws::upgrade_or_page).post(call))
        .route("/ws", get(ws::upgrade))
        .route("/health", get(page::health))
        .with_state(shared);
    extra
        .unwrap_or_default()
        .merge(ours)
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(GZIP_FROM)))
        .layer(middleware::from_fn_with_state(config, guard))
}

async fn call(State(shared): State<Shared>, request: Request) -> Response {
    if !is_json(request.headers().get(CONTENT_TYPE)) {
        let why = "Content-Type: application/json is required\n";
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response();
    }
    let max = shared.config.request_bytes;
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > max as u64) {
        return too_large(&shared.dispatch);
    }
    let reading = Limited::new(request.into_body(), max).collect();
    let body: Bytes = match timeout(shared.config.stall_time, reading).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(why)) if why.is::<LengthLimitError>() => return too_large(&shared.dispatch),
        Ok(Err(_)) => return StatusCode::BAD_REQUEST.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let reply = shared.dispatch.message(&body, None).await;
    answer(&shared.dispatch, reply)
}

fn answer(dispatch: &Dispatch, reply: Reply) -> Response {
    let (reply, share) = dispatch.hold(reply);
    let (Some(body), Some(share)) = (reply.body, share) else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let mut response = of_json(StatusCode::OK, Body::new(Held::new(body.into(), share)));
    if reply.busy {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A JSON body with a status.
pub(super) fn json(status: StatusCode, body: String) -> Response {
    of_json(status, Body::from(body))
}

fn of_json(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn too_large(dispatch: &Dispatch) -> Response {
    let reply = Reply::refused(&dispatch.too_large());
    json(
        StatusCode::PAYLOAD_TOO_LARGE,
        reply.body.unwrap_or_default(),
    )
}

fn is_json(value: Option<&HeaderValue>) -> bool {
    let text = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}
