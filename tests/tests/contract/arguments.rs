//! Arguments that a method does not know: a misspelt one must not be taken for one that is absent.

use crate::support::{NOTHING, ONE_YOCTO, assert_refused, call, start};
use anyhow::Result;
use offchainvm_interface::calls::method;
use offchainvm_tests::network::seed_request;
use serde_json::json;

#[tokio::test]
async fn a_misspelt_argument_is_refused_where_its_absence_means_something() -> Result<()> {
    let net = start().await?;
    let mut request = seed_request();
    request["refund_too"] = json!(net.owner.id());
    for (who, method, args, deposit, name) in [
        (&net.user, method::REQUEST_EXECUTION, request, NOTHING, "refund_too"),
        (&net.owner, method::WITHDRAW_FEES, json!({"ammount": "1"}), ONE_YOCTO, "ammount"),
        (&net.owner, method::SET_CONFIG, json!({"deadline": 60}), ONE_YOCTO, "deadline"),
        (&net.user, method::CLAIM_CREDIT, json!({"receiver": net.owner.id()}), NOTHING, "receiver"),
    ] {
        assert_refused(&call(&net, who, method, &args, deposit).await?, &format!("unknown field `{name}`"));
    }
    Ok(())
}
