//! Who may speak to the server: Host check against DNS rebinding, Origin, CORS.

use super::ServerConfig;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
            ALLOW, HOST, ORIGIN, UPGRADE, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// Names under which a machine knows itself.
const LOOPBACK: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "host.docker.internal"];
const ASKS_PRIVATE: &str = "access-control-request-private-network";
const ALLOWS_PRIVATE: &str = "access-control-allow-private-network";

/// Lets a request through, or answers it.
pub(super) async fn guard(
    State(config): State<Arc<ServerConfig>>,
    request: Request,
    next: Next,
) -> Response {
    if !host_allowed(&config, &request) {
        return (
            StatusCode::FORBIDDEN,
            "Host is not allowed, add it with --rpc.hosts\n",
        )
            .into_response();
    }
    let headers = request.headers();
    let origin = headers.get(ORIGIN).cloned();
    let allowed = origin
        .as_ref()
        .and_then(|origin| allow_origin(&config, origin));
    if headers.contains_key(UPGRADE) && origin.is_some() && allowed.is_none() {
        return (
            StatusCode::FORBIDDEN,
            "Origin is not allowed, add it with --rpc.cors\n",
        )
            .into_response();
    }
    let mut response = if request.method() == Method::OPTIONS {
        options(&config, headers, allowed.is_some())
    } else {
        next.run(request).await
    };
    if let Some(allowed) = allowed {
        if allowed != "*" {
            response
                .headers_mut()
                .append(VARY, HeaderValue::from_static("origin"));
        }
        response
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    response
}

/// Bound to loopback only known names are answered, elsewhere all unless a list is given.
fn host_allowed(config: &ServerConfig, request: &Request) -> bool {
    let loopback = config.addr.ip().is_loopback();
    if (!loopback && config.hosts.is_empty()) || config.hosts.iter().any(|host| host == "*") {
        return true;
    }
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let Some(host) = host.or_else(|| request.uri().host()) else {
        return false;
    };
    let name = without_port(host);
    let known = LOOPBACK
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name));
    known
        || config
            .hosts
            .iter()
            .any(|host| without_port(host).eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Digits behind the last colon that is not inside brackets.
        Some((name, port)) if !port.contains(']') && port.bytes().all(|b| b.is_ascii_digit()) => {
            name
        }
        _ => host,
    }
}

fn allow_origin(config: &ServerConfig, origin: &HeaderValue) -> Option<HeaderValue> {
    if config.cors.iter().any(|allowed| allowed == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let same = |allowed: &String| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes());
    config.cors.iter().any(same).then(|| origin.clone())
}

fn options(config: &ServerConfig, headers: &HeaderMap, allowed: bool) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let out = response.headers_mut();
    out.insert(ALLOW, HeaderValue::from_static("GET, POST, OPTIONS"));
    if allowed && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        out.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, OPTIONS"),
        );
        out.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("content-type"),
        );
        out.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        let asks = headers
            .get(ASKS_PRIVATE)
            .is_some_and(|value| value == "true");
        if asks && config.addr.ip().is_loopback() {
            out.insert(ALLOWS_PRIVATE, HeaderValue::from_static("true"));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn ports_are_cut_and_addresses_are_not() {
        assert_eq!(without_port("localhost:8545"), "localhost");
        assert_eq!(without_port("[::1]:8545"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("example.org"), "example.org");
    }
}
