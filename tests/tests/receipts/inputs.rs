//! A program's input that was too large for the request's event: the worker keeps it, and hands it out to whoever checks
//! the receipt.

use super::*;
use axum::{Json, Router, routing::get};
use near_token::NearToken;
use offchainvm_tests::gate::Place;

/// An event holds 16,384 bytes at most.
const NAME_BYTES: usize = 20_000;

#[tokio::test]
async fn a_receipt_of_a_large_input_can_be_checked_after_the_contract_has_forgotten_the_request() -> Result<()> {
    let repo = hello()?;
    let net = Network::start_for_worker().await?;
    let home = WorkerHome::new(&net)?;
    let mut worker = home.start()?;
    let name = "é".repeat(NAME_BYTES / 2);
    let request = json!({"code_source": source(&repo), "input_data": name});
    let settled = completed(&net.request(&net.user, request, NearToken::from_near(1)).await?.outcome().await?);
    assert!(settled.success, "{settled:?}");
    let signed = receipt_of(&home, 1).await?;
    assert_eq!(signed.receipt.input, receipt::data_ref(name.as_bytes()));
    let gone = net.contract.view(method::GET_REQUEST_INPUT).args_json(json!({"request_id": 1})).await?;
    assert_eq!(gone.json::<Value>()?, Value::Null, "the contract does not have it any more");

    // Beside the worker, by the request's number.
    let passed = verify(&home, &["1"], &[]).await?;
    assert_eq!((passed.code, &passed.check("run")["verdict"]), (PASS, &json!("pass")), "{}", passed.report);

    // Elsewhere, from the worker's address.
    let window = Window::of(&mut worker).await?;
    assert!(window.text("/v1/requests/1/input").await? == name);
    let wasm = home.data().join("blobs/sha256").join(kept_as(&signed));
    let (wasm, url) = (wasm.to_str().unwrap(), window.url("/v1/requests/1/receipt"));
    let from_afar = verify(&home, &[&url, "--wasm", wasm], &[ELSEWHERE]).await?;
    assert_eq!((from_afar.code, &from_afar.check("run")["verdict"]), (PASS, &json!("pass")), "{}", from_afar.report);
    // Of all its receipts, one by its digest.
    let url = format!("{url}/{}", settled.receipt_sha256.unwrap());
    assert_eq!(verify(&home, &[&url, "--wasm", wasm], &[ELSEWHERE]).await?.code, PASS);

    // A file says nothing of a worker.
    let file = home.path().join("receipt.json");
    fs::write(&file, serde_json::to_vec(&signed)?)?;
    let file = verify(&home, &[file.to_str().unwrap(), "--wasm", wasm], &[ELSEWHERE]).await?;
    assert_eq!((file.code, &file.check("run")["verdict"]), (UNPROVEN, &json!("unproven")), "{}", file.report);
    assert!(file.check("run")["detail"].as_str().unwrap().contains("--input-file"), "{}", file.report);

    // Whoever hands out another input proves nothing.
    let liar = liar(&signed).await?;
    let lied = verify(&home, &[&liar, "--wasm", wasm], &[ELSEWHERE]).await?;
    assert_eq!((lied.code, &lied.check("run")["verdict"]), (UNPROVEN, &json!("unproven")), "{}", lied.report);
    assert!(lied.check("run")["detail"].as_str().unwrap().contains("has the digest"), "{}", lied.report);

    // Nor does a worker hand out what is damaged; and a request whose input was in its event has nothing to hand out.
    let kept = home.data().join("blobs/inputs-v1").join(signed.receipt.input.sha256.to_string());
    fs::write(kept, "another")?;
    let small = json!({"code_source": source(&repo), "input_data": "Ada"});
    let sent = net.request(&net.user, small, DEPOSIT).await?;
    assert!(completed(&sent.outcome().await?).success);
    for path in ["/v1/requests/1/input", "/v1/requests/2/input"] {
        let (status, problem) = window.get(path).await?;
        assert_eq!((status, &problem["type"]), (404, &json!("urn:offchainvm:problem:no_input")), "{problem}");
    }
    assert!(worker.stop().await?.success());
    Ok(())
}

/// Where a blob store has the program of a receipt.
fn kept_as(signed: &SignedReceipt) -> String {
    let digest = signed.receipt.program.as_ref().unwrap().wasm_sha256.to_string();
    format!("{}/{digest}", &digest[..2])
}

/// Somebody who hands out a true receipt with another input; gives the receipt's address.
async fn liar(signed: &SignedReceipt) -> Result<String> {
    let listener = Place::take()?.listen()?;
    let url = format!("http://{}/v1/requests/1/receipt", listener.local_addr()?);
    let signed = json!(signed);
    let routes = Router::new()
        .route("/v1/requests/1/receipt", get(async move || Json(signed)))
        .route("/v1/requests/1/input", get(async || "another"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(url)
}
