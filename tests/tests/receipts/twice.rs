//! A program that ran twice for one request, because its answer was given up: there are two receipts, and either may turn
//! out to be the one that counts.

use super::*;
use near_primitives::{
    action::Action,
    transaction::{SignedTransaction, Transaction},
};
use offchainvm_interface::{Sha256, calls::ResolveArgs};

/// The requests: one whose first answer lands after all, one whose later one does, one that is answered in another way.
const FIRST: u64 = 1;
const LATER: u64 = 2;
const OTHER: u64 = 3;
const ALL: [u64; 3] = [FIRST, LATER, OTHER];

/// Settings under which the same program gives another receipt.
const OTHERWISE: (&str, &str) = ("OFFCHAINVM_EXECUTE__MAX_OUTPUT_BYTES", "60000");
/// Dead letters are taken up again soon.
const SOON: (&str, &str) = ("OFFCHAINVM_INGEST__RECONCILE_SECONDS", "1");

async fn command(home: &WorkerHome, args: &[&str]) -> Result<()> {
    let output = home.command(args).await?;
    anyhow::ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The first answer to a request that was ever sent, from the transaction that carried it.
async fn first_answer(net: &Network, home: &WorkerHome, request_id: u64) -> Result<ResolveArgs> {
    let is_it = |line: &Value| line["event"] == "publish.sent" && line["request_id"] == json!(request_id);
    let line = home.log()?.into_iter().find(is_it).context("it was sent")?;
    let sent = line["tx_hash"].as_str().unwrap().to_owned();
    let is_it = move |signed: &&SignedTransaction| signed.get_hash().to_string() == sent;
    let found = net.chain.node().read(move |chain| {
        let heights = chain.first_height()..=chain.head().height;
        let blocks = heights.filter_map(|height| chain.block_by_height(height));
        blocks.flat_map(|block| &block.transactions).find(is_it).map(|signed| signed.transaction.clone())
    });
    let transaction: Transaction = found.await?.context("it is in a block")?;
    match transaction.actions() {
        [Action::FunctionCall(call)] => Ok(serde_json::from_slice(&call.args)?),
        actions => anyhow::bail!("no call: {actions:?}"),
    }
}

#[tokio::test]
async fn of_two_receipts_the_one_on_the_chain_is_checked_whichever_it_is() -> Result<()> {
    let repo = hello()?;
    let net = Network::start_for_worker().await?;
    let home = WorkerHome::new(&net)?;
    home.edit(|config| config + "\n[publish]\nmax_batch = 1\n[retry.publish]\nmax_retries = 0\n")?;
    let set_operator =
        async |id: &str| net.administer(&net.owner, method::SET_OPERATOR, json!({"new_operator_id": id})).await;

    // A worker does not start for a contract that it is no operator of; then the contract takes no answers of it for a
    // while, so they are given up, twice.
    let somebody = net.account("somebody").await?;
    let mut sent = Vec::new();
    for environment in [&[][..], &[OTHERWISE, SOON]] {
        let mut worker = home.start_in(environment)?;
        worker.wait_for("worker.ready", None).await?;
        set_operator(somebody.id().as_str()).await?.into_result()?;
        command(&home, &["resume"]).await?;
        for request_id in ALL.into_iter().skip(sent.len()) {
            let args = json!({"code_source": source(&repo), "input_data": format!("request {request_id}")});
            sent.push(net.request(&net.user, args, DEPOSIT).await?);
        }
        for request_id in ALL {
            worker.wait_for("publish.sent", Some(request_id)).await?;
            worker.wait_for("job.closed", Some(request_id)).await?;
        }
        command(&home, &["pause"]).await?;
        assert!(worker.stop().await?.success());
        set_operator(net.operator.id().as_str()).await?.into_result()?;
    }
    let [first, later, other] = <[_; 3]>::try_from(sent).map_err(|_| anyhow::anyhow!("three requests"))?;

    // What seemed lost arrives.
    let ResolveArgs { data_id, response } = first_answer(&net, &home, FIRST).await?;
    let counts = response.receipt_sha256.context("a receipt")?;
    net.resolve(data_id, response).await?.into_result()?;
    assert_eq!(completed(&first.outcome().await?).receipt_sha256, Some(counts));
    let last = receipt_of(&home, FIRST).await?;
    assert_ne!(receipt::digest(&last.receipt)?, counts, "the worker sent another since");
    let passed = verify(&home, &["1"], &[]).await?;
    assert_eq!(passed.code, PASS, "{}", passed.report);
    assert!(passed.check("digest")["detail"].as_str().unwrap().contains(&counts.to_string()), "{}", passed.report);

    // Whoever hands out the other one speaks untruth; a worker that cannot know hands it out, but has the right one, too.
    let file = home.path().join("last.json");
    fs::write(&file, serde_json::to_vec(&last)?)?;
    let failed = verify(&home, &[file.to_str().unwrap()], &[]).await?;
    assert_eq!((failed.code, &failed.check("digest")["verdict"]), (FAIL, &json!("fail")), "{}", failed.report);
    let mut api = home.start_as("api")?;
    api.wait_for("worker.ready", None).await?;
    let address = api.wait_for("api.listening", None).await?["address"].as_str().unwrap().to_owned();
    let window = Window::of(&mut api).await?;
    let path = format!("/v1/requests/{FIRST}/receipt");
    assert_eq!(window.get(&path).await?, (200, json!(last)));
    let url = format!("http://{address}{path}");
    let passed = verify(&home, &[&url], &[ELSEWHERE]).await?;
    assert_eq!(passed.check("digest")["verdict"], "pass", "{}", passed.report);
    let (status, found) = window.get(&format!("{path}/{counts}")).await?;
    assert_eq!((status, receipt::digest(&serde_json::from_value::<SignedReceipt>(found)?.receipt)?), (200, counts));
    assert_eq!(window.get(&format!("{path}/{}", Sha256([9; 32]))).await?.0, 404);
    assert!(api.stop().await?.success());

    // A request that was settled with none of the operator's receipts: there is nothing to hold against it, or for it.
    let ResolveArgs { data_id, mut response } = first_answer(&net, &home, OTHER).await?;
    response.receipt_sha256 = Some(Sha256([9; 32]));
    net.resolve(data_id, response).await?.into_result()?;
    assert!(completed(&other.outcome().await?).success);
    let unproven = verify(&home, &["3"], &[]).await?;
    assert_eq!((unproven.code, &unproven.check("digest")["verdict"]), (UNPROVEN, &json!("unproven")));
    let why = unproven.check("digest")["detail"].as_str().unwrap();
    assert!(why.contains(&Sha256([9; 32]).to_string()) && why.contains("none that is kept"), "{why}");

    // The third time an answer arrives as usual; and the worker hears what became of the first one.
    command(&home, &["resume"]).await?;
    let mut worker = home.start_in(&[OTHERWISE, SOON])?;
    let settled = completed(&later.outcome().await?);
    assert!(settled.success, "{settled:?}");
    worker.wait_for("publish.confirmed", Some(LATER)).await?;
    let passed = verify(&home, &["2"], &[]).await?;
    assert_eq!(passed.code, PASS, "{}", passed.report);
    for (request_id, counts) in [(FIRST, Some(counts)), (LATER, settled.receipt_sha256)] {
        eventually("the worker to know which receipt counts", async || {
            let digest = receipt::digest(&receipt_of(&home, request_id).await?.receipt)?;
            Ok((Some(digest) == counts).then_some(()))
        })
        .await?;
    }
    assert!(worker.stop().await?.success());
    net.assert_solvent().await
}
