//! What a node says, and what we understand: answers as nearcore words them, over real HTTP.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

/// A node that gives every question the same answer.
async fn node(status: u16, body: Value) -> Rpc {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, status, &body.to_string()).await;
        }
    });
    Rpc::new(&url).unwrap()
}

async fn answer(mut stream: TcpStream, status: u16, body: &str) {
    let mut request = Vec::new();
    // A request's body is JSON and its last byte is the closing brace of the outermost object.
    while !(request.ends_with(b"}") && serde_json::from_slice::<Value>(body_of(&request)).is_ok()) {
        if stream.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
    }
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
}

fn body_of(request: &[u8]) -> &[u8] {
    request.windows(4).position(|window| window == b"\r\n\r\n").map_or(b"", |end| &request[end + 4..])
}

fn handler_error(cause: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": "dontcare", "error": {
        "name": "HANDLER_ERROR", "cause": cause, "code": -32000, "message": "Server error", "data": "x"}})
}

async fn follow(status: u16, body: Value) -> Result<TxProgress, RpcError> {
    node(status, body).await.follow(CryptoHash::default(), &"a.near".parse().unwrap()).await
}

async fn config(status: u16, body: Value) -> Result<Value, RpcError> {
    let contract = "vm.near".parse().unwrap();
    Ok(node(status, body).await.view(&contract, "get_config", &json!({}), None).await?.0)
}

#[tokio::test]
async fn a_transaction_that_nobody_saw_is_unknown_and_one_that_takes_long_is_pending() {
    let unknown = json!({"name": "UNKNOWN_TRANSACTION", "info": {"requested_transaction_hash": CryptoHash::default()}});
    assert!(matches!(follow(200, handler_error(unknown)).await, Ok(TxProgress::Unknown)));
    let not_observed = json!({"name": "TIMEOUT_ERROR", "info": {"cause": "NOT_OBSERVED"}});
    assert!(matches!(follow(200, handler_error(not_observed)).await, Ok(TxProgress::Unknown)));
    let timeout = json!({"name": "TIMEOUT_ERROR"});
    assert!(matches!(follow(200, handler_error(timeout.clone())).await, Ok(TxProgress::Pending(None))));
    assert!(matches!(follow(408, handler_error(timeout)).await, Ok(TxProgress::Pending(None))));
    let included = json!({"jsonrpc": "2.0", "id": "dontcare", "result": {"final_execution_status": "INCLUDED"}});
    assert!(matches!(follow(200, included).await, Ok(TxProgress::Pending(None))));
}

#[tokio::test]
async fn a_refused_transaction_keeps_its_typed_reason() {
    let body = handler_error(json!({"name": "INVALID_TRANSACTION", "info": {}}));
    // nearcore leaves the reason out of `cause` and puts it into `data`.
    let mut body = body;
    body["error"]["data"] =
        json!({"TxExecutionError": {"InvalidTxError": {"InvalidNonce": {"tx_nonce": 1, "ak_nonce": 2}}}});
    match follow(200, body).await {
        Err(RpcError::InvalidTransaction(error)) => {
            assert_eq!(*error, InvalidTxError::InvalidNonce { tx_nonce: 1, ak_nonce: 2 });
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_node_that_is_overloaded_broken_or_away_is_asked_again() {
    for status in [429, 500, 502, 503] {
        let error = config(status, json!({})).await.unwrap_err();
        assert!(error.is_transient(), "{status}: {error}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    assert!(Rpc::new(&url).unwrap().final_block().await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_view_that_fails_in_the_contract_is_not_asked_again_and_names_the_view() {
    let at = json!({"block_height": 1, "block_hash": CryptoHash::default()});
    let with = |mut info: Value| {
        info.as_object_mut().unwrap().extend(at.as_object().unwrap().clone());
        info
    };
    let failed = with(json!({"vm_error": "x", "error": {"MethodResolveError": "MethodNotFound"}}));
    let error =
        config(200, handler_error(json!({"name": "CONTRACT_EXECUTION_ERROR", "info": failed}))).await.unwrap_err();
    assert!(matches!(&error, RpcError::View { method, .. } if method == "get_config"), "{error}");
    assert!(!error.is_transient());
    let missing = with(json!({"requested_account_id": "vm.near"}));
    let error = config(200, handler_error(json!({"name": "UNKNOWN_ACCOUNT", "info": missing}))).await.unwrap_err();
    assert!(matches!(&error, RpcError::UnknownAccount(account) if account == "vm.near"), "{error}");
}

#[tokio::test]
async fn a_views_result_is_read_with_the_block_it_is_of() {
    let body = json!({"jsonrpc": "2.0", "id": "dontcare", "result": {
        "result": b"{\"a\":1}".to_vec(), "logs": [], "block_height": 7, "block_hash": CryptoHash::default()}});
    let contract: AccountId = "vm.near".parse().unwrap();
    let (value, at): (Value, BlockRef) = node(200, body).await.view(&contract, "v", &json!({}), None).await.unwrap();
    assert_eq!((value, at.height), (json!({"a": 1}), 7));
}
