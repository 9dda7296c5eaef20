//! What a node says, and what we understand: answers as nearcore words them, over real HTTP.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use near_primitives::{errors::InvalidTxError, transaction::SignedTransaction};

use super::*;
use crate::chain::{Call, KeySource, OperatorSigner, sign_call};

/// A node that gives every question the same answer.
async fn node(status: u16, body: Value) -> Rpc {
    Rpc::new([&serve(std::iter::repeat((status, body))).await]).unwrap()
}

/// A node that gives these answers, one after the other, and is gone after the last.
async fn serve(answers: impl Iterator<Item = (u16, Value)> + Send + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        for (status, body) in answers {
            let (stream, _) = listener.accept().await.unwrap();
            answer(stream, status, &body.to_string()).await;
        }
    });
    url
}

/// An address where nothing listens.
async fn nowhere() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
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
    let (status, body) = included();
    assert!(matches!(follow(status, body).await, Ok(TxProgress::Pending(None))));
}

#[tokio::test]
async fn a_refused_transaction_keeps_its_typed_reason() {
    // nearcore leaves the reason out of `cause` and puts it into `data`.
    let mut body = handler_error(json!({"name": "INVALID_TRANSACTION", "info": {}}));
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
    for status in [401, 429, 500, 502, 503] {
        let error = config(status, json!({})).await.unwrap_err();
        assert!(error.is_transient(), "{status}: {error}");
    }
    let away = Rpc::new([&nowhere().await]).unwrap();
    let error = away.final_block().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("refused"), "{error}");
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

fn view_at(height: u64) -> (u16, Value) {
    let result = json!({"result": b"{\"a\":1}".to_vec(), "logs": [], "block_height": height,
        "block_hash": CryptoHash::default()});
    (200, json!({"jsonrpc": "2.0", "id": "dontcare", "result": result}))
}

async fn ask(rpc: &Rpc) -> Result<u64, RpcError> {
    let contract: AccountId = "vm.near".parse().unwrap();
    Ok(rpc.view::<Value>(&contract, "v", &json!({}), None).await?.1.height)
}

fn failures(rpc: &Rpc) -> Vec<u32> {
    rpc.endpoints().into_iter().map(|endpoint| endpoint.condition.failures).collect()
}

#[tokio::test]
async fn a_question_goes_on_to_the_next_node_and_the_one_that_failed_is_left_alone() {
    let broken = serve([(500, json!({}))].into_iter()).await;
    let well = serve(std::iter::repeat(view_at(7))).await;
    let rpc = Rpc::new([&broken, &well]).unwrap();
    assert_eq!(ask(&rpc).await.unwrap(), 7);
    assert_eq!(failures(&rpc), [1, 0]);
    // Asked again, the first one could not even be reached.
    assert_eq!(ask(&rpc).await.unwrap(), 7);
    assert_eq!(failures(&rpc), [1, 0]);
}

#[tokio::test]
async fn when_no_node_answers_the_error_is_one_that_passes() {
    let rpc = Rpc::new([&nowhere().await, &nowhere().await]).unwrap();
    assert!(ask(&rpc).await.unwrap_err().is_transient());
    assert_eq!(failures(&rpc), [1, 1]);
}

#[tokio::test]
async fn a_node_that_is_far_behind_is_not_believed() {
    let ahead = serve([view_at(1_000)].into_iter()).await;
    let behind = serve([view_at(1_000 - MAX_LAG - 1), view_at(1_000 - MAX_LAG)].into_iter()).await;
    let rpc = Rpc::new([&ahead, &behind]).unwrap();
    assert_eq!(ask(&rpc).await.unwrap(), 1_000);
    // Now the first one is gone.
    assert!(matches!(ask(&rpc).await, Err(RpcError::Behind { height: 969, known: 1_000, .. })));
    assert_eq!(failures(&rpc), [1, 1]);
    let only_behind = Rpc { nodes: Rpc::new([&behind]).unwrap().nodes, ..rpc };
    assert_eq!(ask(&only_behind).await.unwrap(), 1_000 - MAX_LAG);
}

fn transaction() -> SignedTransaction {
    let private_key =
        "ed25519:3D4YudUahN1nawWogh8pAKSj92sUNMdbZGjn7kERKzYoTy8tnFQuwoGUC51DowKqorvkr2pytJSnwuSbsNVfqygr";
    let account_id: AccountId = "op.near".parse().unwrap();
    let source = KeySource::Given { account_id: account_id.clone(), private_key: private_key.parse().unwrap() };
    let call = Call::new(account_id, "m", &json!({}), 1).unwrap();
    sign_call(call, &OperatorSigner::load(&source).unwrap(), 1, CryptoHash::default())
}

fn included() -> (u16, Value) {
    (200, json!({"jsonrpc": "2.0", "id": "dontcare", "result": {"final_execution_status": "INCLUDED"}}))
}

#[tokio::test]
async fn what_one_node_does_not_know_of_a_transaction_another_one_may() {
    let unknown = json!({"name": "UNKNOWN_TRANSACTION", "info": {"requested_transaction_hash": CryptoHash::default()}});
    let ignorant = serve(std::iter::repeat((200, handler_error(unknown)))).await;
    let knowing = serve(std::iter::repeat(included())).await;
    let sender: AccountId = "a.near".parse().unwrap();
    let rpc = Rpc::new([&ignorant, &knowing]).unwrap();
    assert!(matches!(rpc.follow(CryptoHash::default(), &sender).await, Ok(TxProgress::Pending(None))));
    let rpc = Rpc::new([&ignorant, &nowhere().await]).unwrap();
    assert!(matches!(rpc.follow(CryptoHash::default(), &sender).await, Ok(TxProgress::Unknown)));
}

#[tokio::test]
async fn a_refusal_is_the_last_word_only_when_every_node_refuses() {
    let mut expired = handler_error(json!({"name": "INVALID_TRANSACTION", "info": {}}));
    expired["error"]["data"] = json!({"TxExecutionError": {"InvalidTxError": "Expired"}});
    let refusing = serve(std::iter::repeat((200, expired))).await;
    let taking = serve(std::iter::repeat(included())).await;
    let rpc = Rpc::new([&refusing, &taking]).unwrap();
    assert!(matches!(rpc.submit(&transaction()).await, Ok(TxProgress::Pending(None))));
    let rpc = Rpc::new([&refusing, &refusing]).unwrap();
    assert!(matches!(rpc.submit(&transaction()).await, Err(RpcError::InvalidTransaction(_))));
    assert_eq!(failures(&rpc), [0, 0]);
}

#[tokio::test]
async fn a_views_result_is_read_with_the_block_it_is_of() {
    let (status, body) = view_at(7);
    let contract: AccountId = "vm.near".parse().unwrap();
    let (value, at): (Value, BlockRef) = node(status, body).await.view(&contract, "v", &json!({}), None).await.unwrap();
    assert_eq!((value, at.height), (json!({"a": 1}), 7));
}
