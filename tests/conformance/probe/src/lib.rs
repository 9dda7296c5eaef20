//! A contract that touches each part of the chain that a local network must get right.
use near_sdk::serde_json::json;
use near_sdk::{AccountId, CryptoHash, Gas, GasWeight, NearToken, PromiseError, PromiseIndex, env, near};

/// Register that a new yield's id is read from.
const YIELD_REGISTER: u64 = 37;

#[near(contract_state)]
#[derive(Default)]
pub struct Probe {
    live: Option<CryptoHash>,
    calls: u64,
}

#[near]
impl Probe {
    /// Logs its argument and returns it.
    pub fn echo(&mut self, text: String) -> String {
        self.calls += 1;
        env::log_str(&format!("echo {text}"));
        text
    }

    /// Fails with a message.
    pub fn fail(&mut self, text: String) {
        self.calls += 1;
        env::panic_str(&text)
    }

    /// Burns gas until none is left.
    pub fn burn(&mut self) {
        loop {
            env::sha256(b"burn");
        }
    }

    /// Keeps the deposit.
    #[payable]
    pub fn keep(&mut self) -> String {
        env::attached_deposit().as_yoctonear().to_string()
    }

    /// Writes `size` bytes under `key`.
    pub fn store(&mut self, key: String, size: u32) -> u64 {
        env::storage_write(key.as_bytes(), &vec![7u8; size as usize]);
        env::storage_usage()
    }

    /// Removes what is under `key`.
    pub fn remove(&mut self, key: String) -> u64 {
        env::storage_remove(key.as_bytes());
        env::storage_usage()
    }

    /// Sends money, and ends as the transfer ends.
    pub fn pay(&mut self, to: AccountId, yocto: String) {
        let p = env::promise_batch_create(&to);
        env::promise_batch_action_transfer(p, NearToken::from_yoctonear(yocto.parse().unwrap()));
        env::promise_return(p);
    }

    /// Calls another account, then reports how it went.
    pub fn call_then(&mut self, to: AccountId, method: String, args: String) {
        let p = call(&to, &method, args.as_bytes(), 20);
        report_on(p);
    }

    /// Two calls joined, then a report over both.
    pub fn join_then(&mut self, a: AccountId, b: AccountId) {
        let one = call(&a, "echo", json!({"text":"a"}).to_string().as_bytes(), 10);
        let two = call(&b, "fail", json!({"text":"b"}).to_string().as_bytes(), 10);
        report_on(env::promise_and(&[one, two]));
    }

    /// What became of the promises before this one.
    #[private]
    pub fn report(&mut self) -> Vec<String> {
        (0..env::promise_results_count())
            .map(|i| match env::promise_result_checked(i, 4096) {
                Ok(v) => String::from_utf8_lossy(&v).into_owned(),
                Err(e) => format!("{e:?}"),
            })
            .collect()
    }

    /// Starts something that is rolled back: a transfer and a write, then a failure.
    pub fn start_and_fail(&mut self, to: AccountId) {
        self.calls += 100;
        let p = env::promise_batch_create(&to);
        env::promise_batch_action_transfer(p, NearToken::from_near(1));
        env::panic_str("rolled back")
    }

    /// Waits to be woken; renews itself `renew` times when nobody does.
    pub fn wait(&mut self, renew: u32) {
        let args = json!({"renew": renew}).to_string();
        let p = env::promise_yield_create("woken", args.as_bytes(), Gas::from_tgas(10), GasWeight(1), YIELD_REGISTER);
        self.live = Some(env::read_register(YIELD_REGISTER).unwrap().try_into().unwrap());
        env::log_str("waiting");
        env::promise_return(p);
    }

    /// The yield's callback.
    #[private]
    pub fn woken(&mut self, renew: u32, #[callback_result] r: Result<String, PromiseError>) {
        match r {
            Ok(text) => env::value_return(format!("\"woken by {text}\"").as_bytes()),
            Err(_) if renew > 0 => {
                env::log_str("renewing");
                self.wait(renew - 1)
            }
            Err(_) => env::value_return(b"\"timed out\""),
        }
    }

    /// Resumes the live yield with a text.
    pub fn wake(&mut self, text: String) -> bool {
        env::promise_yield_resume(&self.live.unwrap(), json!(text).to_string().as_bytes())
    }

    /// Resumes the live yield with so many bytes, which are no JSON.
    pub fn wake_big(&mut self, size: u32) -> bool {
        env::promise_yield_resume(&self.live.unwrap(), &vec![b'x'; size as usize])
    }

    /// How many calls were counted.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Where and when this runs.
    pub fn whoami(&self) -> (AccountId, u64, u64) {
        (env::current_account_id(), env::block_height(), env::block_timestamp())
    }
}

fn call(to: &AccountId, method: &str, args: &[u8], tgas: u64) -> PromiseIndex {
    let p = env::promise_batch_create(to);
    env::promise_batch_action_function_call(p, method, args, NearToken::from_near(0), Gas::from_tgas(tgas));
    p
}

fn report_on(p: PromiseIndex) {
    let next = env::promise_batch_then(p, &env::current_account_id());
    env::promise_batch_action_function_call(next, "report", b"{}", NearToken::from_near(0), Gas::from_tgas(20));
    env::promise_return(next);
}
