//! Bounded HTTP: every call has a deadline, every answer a largest size, every retry a back-off.

use crate::L1Error;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use url::Url;

/// Bounds of one L1 server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) timeout: Duration,
    pub(super) answer_max_bytes: usize,
    pub(super) retries: u32,
    pub(super) backoff: Duration,
}

/// One HTTP server.
#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    url: Url,
    /// Host and port: what errors may show (a path or query may hold an access key).
    endpoint: String,
    bounds: Bounds,
    next_id: AtomicU64,
}

#[derive(serde::Deserialize)]
struct Answer {
    #[serde(default)]
    result: Option<Box<serde_json::value::RawValue>>,
    #[serde(default)]
    error: Option<AnswerError>,
}

#[derive(serde::Deserialize)]
struct AnswerError {
    code: i64,
    #[serde(default)]
    message: String,
}

impl Server {
    pub(super) fn new(url: &str, bounds: Bounds) -> Result<Self, L1Error> {
        let refuse = |reason: String| L1Error::Url {
            url: url.into(),
            reason,
        };
        let parsed = Url::parse(url).map_err(|error| refuse(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refuse("it must begin with http:// or https://".into()));
        }
        let host = parsed
            .host_str()
            .ok_or_else(|| refuse("it names no host".into()))?;
        let endpoint = match parsed.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.into(),
        };
        let client = Client::builder()
            .timeout(bounds.timeout)
            .build()
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            client,
            url: parsed,
            endpoint,
            bounds,
            next_id: AtomicU64::new(1),
        })
    }

    /// One JSON-RPC call; `null` is `None`. A refusal is returned at once, a broken connection is
    /// tried again.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<Option<T>, L1Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let bytes = self
            .retried(method, || self.client.post(self.url.clone()).json(&body))
            .await?
            .1;
        let decode = |error: serde_json::Error| L1Error::Decode {
            what: method.into(),
            reason: error.to_string(),
        };
        let answer: Answer = serde_json::from_slice(&bytes).map_err(decode)?;
        if let Some(AnswerError { code, message }) = answer.error {
            return Err(L1Error::Rpc {
                method: method.into(),
                code,
                message,
            });
        }
        answer.result.map_or(Ok(None), |raw| {
            serde_json::from_str(raw.get()).map_err(decode)
        })
    }

    /// One REST request; `None` where the server has no such thing or no such path.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Option<T>, L1Error> {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        if !query.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(query.iter().map(|(k, v)| (*k, v.as_str())));
        }
        let (status, bytes) = self.retried(path, || self.client.get(url.clone())).await?;
        if matches!(
            status,
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED
        ) {
            return Ok(None);
        }
        if !status.is_success() {
            let message = String::from_utf8_lossy(bytes.get(..200.min(bytes.len())).unwrap_or(&[]));
            return Err(L1Error::Rpc {
                method: path.into(),
                code: i64::from(status.as_u16()),
                message: message.into_owned(),
            });
        }
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| L1Error::Decode {
                what: path.into(),
                reason: error.to_string(),
            })
    }

    async fn retried(
        &self,
        what: &str,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<(StatusCode, Vec<u8>), L1Error> {
        let mut pause = self.bounds.backoff;
        let mut left = self.bounds.retries;
        loop {
            let error = match self.once(what, request()).await {
                Ok((status, _)) if status_is_passing(status) && left > 0 => None,
                Ok(answer) => return Ok(answer),
                // Waiting again as long would not help whoever waits.
                Err(error @ (L1Error::TooLarge { .. } | L1Error::Timeout { .. })) => {
                    return Err(error);
                }
                Err(error) => Some(error),
            };
            if let (Some(error), 0) = (error, left) {
                return Err(error);
            }
            left = left.saturating_sub(1);
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    }

    async fn once(
        &self,
        what: &str,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Vec<u8>), L1Error> {
        let failed = |error: reqwest::Error| self.failed(what, &error);
        let mut response = request.send().await.map_err(failed)?;
        let too_large = || L1Error::TooLarge {
            endpoint: self.endpoint.clone(),
            what: what.into(),
            max_bytes: self.bounds.answer_max_bytes,
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len().saturating_add(chunk.len()) > self.bounds.answer_max_bytes {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((response.status(), bytes))
    }

    fn failed(&self, what: &str, error: &reqwest::Error) -> L1Error {
        let endpoint = self.endpoint.clone();
        if error.is_timeout() {
            let after_ms = u64::try_from(self.bounds.timeout.as_millis()).unwrap_or(u64::MAX);
            return L1Error::Timeout {
                endpoint,
                what: what.into(),
                after_ms,
            };
        }
        let mut reason = String::new();
        let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
        while let Some(inner) = cause {
            reason = inner.to_string();
            cause = inner.source();
        }
        if reason.is_empty() {
            reason = if error.is_connect() {
                "no connection"
            } else {
                "broken answer"
            }
            .into();
        }
        L1Error::Transport { endpoint, reason }
    }
}

/// Statuses that a later try may change.
fn status_is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}
