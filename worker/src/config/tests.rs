//! Defaults, layers and messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::result_large_err, reason = "tests")]

use figment::Jail;

use super::*;

const REQUIRED: &str = r#"
[chain]
contract_id = "vm.testnet"
[operator]
key_file = "key.json"
"#;

fn in_jail(test: impl FnOnce(&mut Jail)) {
    Jail::expect_with(|jail| {
        test(jail);
        Ok(())
    });
}

fn load(jail: &mut Jail, toml: &str) -> Result<Config, String> {
    jail.create_file("worker.toml", toml).unwrap();
    Config::load(Some(Path::new("worker.toml"))).map_err(|error| error.to_string())
}

#[test]
fn the_defaults_and_two_settings_are_enough() {
    in_jail(|jail| {
        let config = load(jail, REQUIRED).unwrap();
        assert_eq!(config.contract_id().unwrap().as_str(), "vm.testnet");
        assert_eq!(config.retry.build.max_retries, 3);
        assert_eq!(config.retry.of(crate::job::Stage::Build), crate::job::RetryPolicy::default());
    });
}

/// The sections of the stages may leave settings out; the file that documents them must not differ from the code.
#[test]
fn the_default_file_says_what_the_code_does() {
    in_jail(|_| {
        let config = Config::read(None).unwrap();
        assert_eq!(config.build, BuildConfig::default());
        assert_eq!(config.execute, ExecuteConfig::default());
        assert_eq!(config.blobs, BlobsConfig::default());
    });
}

#[test]
fn the_environment_wins_over_the_file() {
    in_jail(|jail| {
        jail.set_env("OFFCHAINVM_CHAIN__CONTRACT_ID", "other.testnet");
        jail.set_env("OFFCHAINVM_RETRY__PUBLISH__MAX_RETRIES", "7");
        jail.set_env("OFFCHAINVM_CHAIN__RPC_URLS", r#"["https://a.example", "https://b.example"]"#);
        jail.set_env("OFFCHAINVM_CHAIN__BLOCK_SOURCES", "[]");
        jail.set_env("OFFCHAINVM_CONFIG", "is-not-a-setting.toml");
        let config = load(jail, REQUIRED).unwrap();
        assert_eq!(config.contract_id().unwrap().as_str(), "other.testnet");
        assert_eq!(config.retry.publish.max_retries, 7);
        let hosts: Vec<_> = config.chain.rpc_urls.iter().filter_map(|url| url.host_str()).collect();
        assert_eq!(hosts, ["a.example", "b.example"]);
        assert!(config.chain.block_sources.is_empty());
    });
}

#[test]
fn each_fault_names_its_setting() {
    let cases = [
        ("", "chain.contract_id must be set, in the file or as OFFCHAINVM_CHAIN__CONTRACT_ID"),
        ("[chain]\ncontract_id = \"vm.testnet\"", "operator.key_file must be set"),
        (
            &format!("{REQUIRED}\n[retry.execute]\njitter = 1.5"),
            "retry.execute.jitter is 1.5, but must be between 0 and 1",
        ),
        (&format!("{REQUIRED}\n[stages]\nlease_seconds = 0"), "stages.lease_seconds is 0"),
        (
            &format!("{REQUIRED}\n[stages]\nlease_second = 3"),
            "worker.toml: stages.lease_second is not a setting; [stages] has lease_seconds, poll_ms,",
        ),
        (
            &format!("{REQUIRED}\n[stage]\nlease_seconds = 3"),
            "worker.toml: stage is not a section; there are chain, operator,",
        ),
        (
            &format!("{REQUIRED}\n[log]\nformat = \"xml\""),
            "worker.toml: log.format is \"xml\", but must be one of text, json",
        ),
        ("[chain\n", "worker.toml: TOML parse error at line 1, column 7: "),
        (&format!("{REQUIRED}\n[publish]\nmax_batch = 181"), "publish.max_batch is 181"),
        (&format!("{REQUIRED}\n[publish]\nlow_balance_near = -1.0"), "publish.low_balance_near is -1"),
        (
            &format!("{REQUIRED}\n[ingest]\npoll_ms = \"soon\""),
            "worker.toml: ingest.poll_ms is string \"soon\", but must be u64",
        ),
        ("[chain]\nrpc_urls = [\"not a url\"]", "worker.toml: chain.rpc_urls.0: "),
        (
            "[chain]\ncontract_id = \"vm.testnet\"\nrpc_urls = [\"localhost:3030\"]",
            "chain.rpc_urls begins with localhost:, but must begin with http:// or https://",
        ),
        ("[chain]\ncontract_id = \"vm.testnet\"\nrpc_urls = []", "chain.rpc_urls must name at least one node"),
        ("[chain]\ncontract_id = \"NOT AN ACCOUNT\"", "chain.contract_id"),
    ];
    for (toml, expected) in cases {
        in_jail(|jail| {
            let error = load(jail, toml).unwrap_err();
            assert!(error.contains(expected), "{toml}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        });
    }
}

#[test]
fn a_fault_in_the_environment_names_the_variable() {
    let cases = [
        ("STAGES__LEASE_SECONDS", "-1", "stages.lease_seconds is signed int `-1`, but must be u64"),
        (
            "CHAIN__CONTRACT",
            "vm.testnet",
            "chain.contract is not a setting; [chain] has rpc_urls, block_sources, contract_id",
        ),
        ("CHAIN__RPC_URLS", "[\"nowhere\"]", "chain.rpc_urls.0: "),
        ("API__LISTEN", "localhost", "api.listen: invalid socket address syntax"),
    ];
    for (name, value, expected) in cases {
        in_jail(|jail| {
            jail.set_env(format!("OFFCHAINVM_{name}"), value);
            let error = load(jail, REQUIRED).unwrap_err();
            assert!(error.starts_with(&format!("configuration: OFFCHAINVM_{name}: {expected}")), "{error}");
        });
    }
}

#[test]
fn a_private_key_is_not_shown() {
    const KEY: &str =
        "ed25519:3D4YudUahN1nawWogh8pAKSj92sUNMdbZGjn7kERKzYoTy8tnFQuwoGUC51DowKqorvkr2pytJSnwuSbsNVfqygr";
    in_jail(|jail| {
        jail.set_env("OFFCHAINVM_CHAIN__CONTRACT_ID", "vm.testnet");
        jail.set_env("OFFCHAINVM_OPERATOR__ACCOUNT_ID", "op.testnet");
        jail.set_env("OFFCHAINVM_OPERATOR__PRIVATE_KEY", KEY);
        let config = load(jail, "").unwrap();
        assert!(config.key_source().is_ok());
        assert!(!format!("{config:?}").contains("3D4Yud"));
        jail.set_env("OFFCHAINVM_OPERATOR__PRIVATE_KEY", "ed25519:3D4Yudbroken");
        let error = load(jail, "").unwrap_err();
        assert!(error.to_lowercase().contains("operator.private_key") && !error.contains("3D4Yud"), "{error}");
    });
}

#[test]
fn answers_leave_on_the_operators_key_and_on_those_of_the_lanes() {
    in_jail(|jail| {
        jail.set_env("OFFCHAINVM_CHAIN__CONTRACT_ID", "vm.testnet");
        let made = crate::chain::LaneKeys::new("data/lane-keys".into());
        let account = "op.testnet".parse().unwrap();
        let [first, _] = [(); 2].map(|()| made.confirm(made.create(&account).unwrap()).unwrap());
        made.create(&account).unwrap();
        // The main key may lie among the others; it is one key all the same.
        let settings = format!("[operator]\nkey_file = {:?}\n[store]\npath = \"data\"", first.path);
        let signers = load(jail, &settings).unwrap().signers().unwrap();
        assert_eq!(signers.len(), 2);
        assert_eq!(signers.first().unwrap().public_key(), first.signer.public_key());
        let elsewhere = settings.replace("[store]", "lane_keys = \"elsewhere\"\n[store]");
        assert_eq!(load(jail, &elsewhere).unwrap().signers().unwrap().len(), 1);
    });
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Some(Path::new("/nonexistent/worker.toml"))).expect_err("no file").to_string();
    assert!(error.contains("/nonexistent/worker.toml"), "{error}");
}
