//! An app that asks a program off chain and uses the answer, all in its user's one transaction.
//!
//! [`App::ask`] passes the user's deposit on to OffchainVM and waits; [`App::on_answer`] hears how it ended. Whatever is
//! not spent goes straight back to the user, so that no money ever rests here.

use near_sdk::{
    AccountId, Gas, GasWeight, NearToken, PanicOnDefault, env, near, require,
    serde_json::{self, json},
};
use offchainvm_interface::{
    BuildTarget, CodeSource, CommitId, GitSource, RepoUrl, RequestArgs, ResponseFormat,
    calls::{REQUEST_GAS, method},
};

/// Gas for [`App::on_answer`].
const ANSWER_GAS: Gas = Gas::from_tgas(10);

/// The longest question: the app pays for the storage of what it remembers.
const MAX_QUESTION_BYTES: usize = 1_000;

/// The longest answer, as JSON.
const MAX_ANSWER_BYTES: usize = 4_000;

/// What the app keeps.
#[near(contract_state)]
#[derive(PanicOnDefault)]
pub struct App {
    offchainvm_id: AccountId,
    program: CodeSource,
    latest: Option<Answer>,
    unanswered: u64,
}

/// A question that was answered.
#[near(serializers = [borsh, json])]
#[derive(Clone)]
pub struct Answer {
    pub asker_id: AccountId,
    pub question: String,
    pub answer: String,
}

#[near]
impl App {
    /// Names OffchainVM's contract, and the commit of the program that answers.
    #[init]
    #[private]
    pub fn new(offchainvm_id: AccountId, repo: RepoUrl, commit: CommitId) -> Self {
        let program = GitSource { repo, commit, build_target: BuildTarget::Wasm32Wasip1, path: None };
        Self { offchainvm_id, program: CodeSource::Git(program), latest: None, unanswered: 0 }
    }

    /// Asks the program. Returns its answer, or null when there is none.
    ///
    /// Deposit: what OffchainVM's `estimate_cost` says, or more; what is not used comes back to the caller.
    /// Gas: 120 Tgas or more.
    #[payable]
    pub fn ask(&mut self, question: String) {
        require!(question.len() <= MAX_QUESTION_BYTES, "The question is too long");
        let asker_id = env::predecessor_account_id();
        let hearing = json!({ "asker_id": asker_id, "question": question }).to_string();
        let request = RequestArgs {
            code_source: self.program.clone(),
            resource_limits: None,
            input_data: Some(question),
            response_format: Some(ResponseFormat::Text),
            // OffchainVM's caller is this contract, but the money is the user's.
            refund_to: Some(asker_id.clone()),
            compile_only: None,
        };

        let asking = env::promise_batch_create(&self.offchainvm_id);
        // When OffchainVM does not accept the request at all, the chain itself returns the deposit, and to whom is said here.
        env::promise_set_refund_to(asking, &asker_id);
        let args = json!(request).to_string();
        let deposit = env::attached_deposit();
        // The weight gives it all the gas that is left: the more gas, the longer it can wait for the answer.
        env::promise_batch_action_function_call_weight(
            asking,
            method::REQUEST_EXECUTION,
            args.as_bytes(),
            deposit,
            REQUEST_GAS,
            GasWeight(1),
        );
        let answered = env::promise_batch_then(asking, &env::current_account_id());
        let nothing = NearToken::from_yoctonear(0);
        env::promise_batch_action_function_call(answered, "on_answer", hearing.as_bytes(), nothing, ANSWER_GAS);
        env::promise_return(answered);
    }

    /// Hears the program's answer, or that there is none.
    ///
    /// A contract does not see why a promise failed, only that it did: the reason stands in the transaction's receipts.
    #[private]
    pub fn on_answer(&mut self, asker_id: AccountId, question: String) -> Option<String> {
        let answer = env::promise_result_checked(0, MAX_ANSWER_BYTES).ok();
        let Some(answer) = answer.and_then(|json| serde_json::from_slice::<String>(&json).ok()) else {
            self.unanswered += 1;
            return None;
        };
        self.latest = Some(Answer { asker_id, question, answer: answer.clone() });
        Some(answer)
    }

    /// The last question that was answered.
    pub fn get_latest(&self) -> Option<Answer> {
        self.latest.clone()
    }

    /// How many questions were not answered.
    pub fn get_unanswered(&self) -> u64 {
        self.unanswered
    }
}
