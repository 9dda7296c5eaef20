//! The chain behind the proxy.

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
};
use serde_json::{Value, json};

/// The headers that mean something to either side.
const KEPT: [HeaderName; 2] = [CONTENT_TYPE, LOCATION];

/// A question as it came in.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub method: Method,
    /// With the query, if there is one.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer as it goes out.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Where honest answers come from.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    http: reqwest::Client,
    base: String,
}

impl Call {
    pub(super) async fn read(request: Request<Incoming>) -> Result<Self> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { method: head.method, path, headers: kept(&head.headers), body: body.collect().await?.to_bytes() })
    }

    /// The same JSON-RPC question with other parameters.
    pub(super) fn with_params(&self, params: Value) -> Result<Self> {
        let mut body: Value = serde_json::from_slice(&self.body)?;
        body["params"] = params;
        Ok(Self { body: serde_json::to_vec(&body)?.into(), ..self.clone() })
    }

    /// The identifier that a JSON-RPC answer has to repeat.
    pub(super) fn id(&self) -> Value {
        serde_json::from_slice::<Value>(&self.body).map(|mut body| body["id"].take()).unwrap_or_default()
    }
}

impl Answer {
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Self { status, headers, body: body.to_string().into() }
    }

    pub(super) fn text(status: StatusCode, body: &'static str) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
        Self { status, headers, body: body.into() }
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Whether this is a block, as opposed to a skipped height or a refusal.
    pub(super) fn is_block(&self) -> bool {
        self.status.is_success() && self.body.as_ref() != b"null"
    }
}

impl Upstream {
    pub(super) fn new(base: &str) -> Result<Self> {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned() })
    }

    /// The honest answer.
    pub(super) async fn ask(&self, call: &Call) -> Result<Answer> {
        let response = self
            .http
            .request(call.method.clone(), format!("{}{}", self.base, call.path))
            .headers(call.headers.clone())
            .body(call.body.clone())
            .send()
            .await?;
        let (status, headers) = (response.status(), kept(response.headers()));
        Ok(Answer { status, headers, body: response.bytes().await? })
    }

    /// What the source has at a height; it waits a while for a height that is about to come.
    pub(super) async fn block(&self, height: u64) -> Result<Answer> {
        let path = format!("/v0/block/{height}");
        self.ask(&Call { method: Method::GET, path, headers: HeaderMap::new(), body: Bytes::new() }).await
    }

    /// The height of the newest final block.
    pub(super) async fn final_height(&self) -> Result<u64> {
        let question = json!({"jsonrpc": "2.0", "id": "proxy", "method": "block", "params": {"finality": "final"}});
        let answer: Value = self.http.post(&self.base).json(&question).send().await?.json().await?;
        answer["result"]["header"]["height"].as_u64().with_context(|| format!("no final block: {answer}"))
    }
}

fn kept(headers: &HeaderMap) -> HeaderMap {
    headers.iter().filter(|(name, _)| KEPT.contains(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}
