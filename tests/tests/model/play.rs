//! Plays a step: finds out whom and what it means at that moment, and sends it.

use crate::{
    answers,
    calls::{Call, Entry, Sent},
    people::{Who, contract, nobody},
    steps::{Act, Ask, By, Input, Kind, Lever, Limits, Prices, Purse, Receiver, Reply, Share, Step, Target, Usage},
    world::World,
};
use anyhow::Result;
use near_account_id::AccountId;
use near_token::NearToken;
use offchainvm_interface::{
    BuildTarget, CodeSource, CommitId, DataId, DataRef, ExecutionResponse, GitSource, MaxLimits, Pricing, RepoUrl,
    RequestArgs, RequestId, ResourceLimits, ResourcesUsed, Sha256, WasmSource,
    calls::{ClaimCreditArgs, ResolveArgs, WithdrawFeesArgs},
};
use std::time::Duration;

/// The gas of everything but requests.
const TGAS: u64 = 300;
/// The most that anybody attaches, in yoctoNEAR.
const MOST: u128 = 1_000 * 10u128.pow(24);

impl World {
    pub fn play(&mut self, step: &Step) -> Result<()> {
        match &step.act {
            Act::Ask(ask) => self.ask(ask)?,
            Act::Answer { by, to, reply, deposit } => {
                let from = self.operator(*by);
                self.send(from, Call::Resolve(self.answer(*to, reply)), *deposit)?;
            }
            Act::AnswerMany { by, entries } => {
                let entry = |entry: &Option<(Target, Reply)>| {
                    entry
                        .as_ref()
                        .map_or(Entry::Malformed, |(to, reply)| Entry::Answer(Box::new(self.answer(*to, reply))))
                };
                let call = Call::ResolveMany(entries.iter().map(entry).collect());
                self.send(self.operator(*by), call, 0)?;
            }
            Act::CancelStale { by, which, deposit } => {
                let (request_id, _) = self.target(*which);
                let sender = self.model.waiting.get(&request_id).map(|waiting| waiting.request.sender_id.clone());
                let from = by.or(sender.unwrap_or_else(|| Who::Alice.id()));
                self.send(from, Call::CancelStale(request_id), *deposit)?;
            }
            Act::Pull { by, lever, deposit } => {
                let from = by.or(self.model.owner_id.clone());
                self.send(from, self.lever(lever), *deposit)?;
            }
            Act::Accept { by, deposit } => self.send(by.id(), Call::AcceptOwner, *deposit)?,
            Act::Upgrade { by, code, deposit } => {
                self.send(by.or(self.model.owner_id.clone()), Call::Upgrade(*code), *deposit)?;
            }
            Act::Claim { by, to } => {
                let receiver_id = to.map(Receiver::id);
                let from = by.or(self.model.credits.keys().next().cloned().unwrap_or_else(|| Who::Alice.id()));
                self.send(from, Call::ClaimCredit(ClaimCreditArgs { receiver_id }), 0)?;
            }
            Act::Delete(who) if self.alive.contains(&who.id()) => self.delete(*who)?,
            Act::Create(who) if !self.alive.contains(&who.id()) => self.create(*who)?,
            Act::Delete(_) | Act::Create(_) => {}
            Act::Blocks(count) => self.blocks(*count)?,
            Act::Forward(heights) => self.forward(*heights)?,
            Act::Later(seconds) => self.chain.advance_time(Duration::from_secs(*seconds)),
        }
        self.blocks(step.blocks)
    }

    fn send(&mut self, from: AccountId, call: Call, deposit: u128) -> Result<()> {
        self.call(Sent { from, call, deposit, tgas: TGAS }).map(drop)
    }

    fn ask(&mut self, ask: &Ask) -> Result<()> {
        let limits = self.limits(ask.limits);
        let input = ask.input.text();
        let required = self.model.required(&limits.unwrap_or_default(), input.len());
        let deposit = match ask.purse {
            Purse::Exact => required.unwrap_or(MOST),
            Purse::Generous => required.unwrap_or(0).saturating_add(123_456_789 * 10u128.pow(15)),
            Purse::OneYoctoShort => required.unwrap_or(1) - 1,
            Purse::Empty => 0,
        };
        let args = RequestArgs {
            code_source: if ask.compiled { compiled() } else { repository() },
            resource_limits: limits,
            input_data: (!input.is_empty()).then_some(input),
            response_format: Some(ask.format),
            refund_to: ask.refund_to.map(Receiver::id),
            compile_only: Some(ask.compile_only),
        };
        let deposit = deposit.min(MOST);
        self.call(Sent { from: ask.by.id(), call: Call::Request(args), deposit, tgas: ask.tgas }).map(drop)
    }

    fn limits(&self, limits: Limits) -> Option<ResourceLimits> {
        let most = self.model.max_limits;
        let largest = ResourceLimits {
            max_instructions: most.max_instructions,
            max_memory_mb: most.max_memory_mb,
            max_execution_seconds: most.max_execution_seconds,
        };
        match limits {
            Limits::Default => None,
            Limits::Least => Some(ResourceLimits { max_instructions: 1, max_memory_mb: 1, max_execution_seconds: 1 }),
            Limits::Largest => Some(largest),
            Limits::Zero => Some(ResourceLimits { max_memory_mb: 0, ..largest }),
            Limits::OverTheCap => Some(ResourceLimits { max_instructions: most.max_instructions + 1, ..largest }),
        }
    }

    fn operator(&self, by: By) -> AccountId {
        by.or(self.model.operators.last().cloned().unwrap_or_else(|| Who::Operator.id()))
    }

    fn target(&self, target: Target) -> (RequestId, DataId) {
        let unknown = (RequestId::MAX, DataId([7; 32]));
        let nth = |count: usize, pick: u8| usize::from(pick).checked_rem(count);
        let found = match target {
            Target::Waiting(pick) => nth(self.model.waiting.len(), pick)
                .and_then(|nth| self.model.waiting.iter().nth(nth).map(|(id, waiting)| (*id, waiting.request.data_id))),
            Target::Any(pick) => nth(self.requests.len(), pick)
                .and_then(|nth| self.requests.iter().nth(nth).map(|(id, (data_id, _))| (*id, *data_id))),
            Target::Unknown => None,
        };
        found.unwrap_or(unknown)
    }

    fn answer(&self, to: Target, reply: &Reply) -> ResolveArgs {
        let (_, data_id) = self.target(to);
        ResolveArgs { data_id, response: reply.response() }
    }

    fn lever(&self, lever: &Lever) -> Call {
        match lever {
            Lever::Price(prices) => Call::SetPricing(prices.list()),
            Lever::Pause(paused) => Call::SetPaused(*paused),
            Lever::Bounds(percent) => Call::SetLimits(bounds(*percent)),
            Lever::Configure(args) => Call::SetConfig(*args),
            Lever::SetOperator(who) => Call::SetOperator(who.id()),
            Lever::AddOperator(who) => Call::AddOperator(who.id()),
            Lever::RemoveOperator(who) => Call::RemoveOperator(who.id()),
            Lever::Offer(who) => Call::ProposeOwner(who.map(Who::id)),
            Lever::Withdraw(share, to) => Call::WithdrawFees(WithdrawFeesArgs {
                amount: share.of(self.model.fees).map(NearToken::from_yoctonear),
                receiver_id: to.map(Receiver::id),
            }),
            Lever::EmergencyCancel(which) => Call::EmergencyCancel(self.target(*which).0),
        }
    }
}

impl By {
    fn or(self, right: AccountId) -> AccountId {
        match self {
            Self::Right => right,
            Self::Somebody(who) => who.id(),
        }
    }
}

impl Receiver {
    fn id(self) -> AccountId {
        match self {
            Self::Somebody(who) => who.id(),
            Self::Nobody => nobody(),
            Self::TheContract => contract(),
        }
    }
}

impl Input {
    fn text(self) -> String {
        match self {
            Self::None => String::new(),
            Self::Plain(size) => "x".repeat(size),
            Self::Quotes(size) => "\"".repeat(size),
        }
    }
}

impl Share {
    fn of(self, fees: u128) -> Option<u128> {
        match self {
            Self::All => None,
            Self::Half => Some(fees / 2),
            Self::TooMuch => Some(fees + 1),
            Self::Zero => Some(0),
        }
    }
}

impl Prices {
    fn list(self) -> Pricing {
        let list = |base, instruction, megabyte, second| Pricing {
            base_fee: NearToken::from_yoctonear(base),
            per_instruction_fee: NearToken::from_yoctonear(instruction),
            per_mb_fee: NearToken::from_yoctonear(megabyte),
            per_second_fee: NearToken::from_yoctonear(second),
        };
        match self {
            Self::Default => Pricing::default(),
            Self::Zero => list(0, 0, 0, 0),
            Self::Odd => list(1_000_000_007, 999_983, 1_000_000_000_000_000_003, 17),
            Self::Huge => list(10u128.pow(30), 1, 1, 1),
            Self::Overflowing => list(u128::MAX, u128::MAX, u128::MAX, u128::MAX),
        }
    }
}

impl Reply {
    fn response(&self) -> ExecutionResponse {
        let used = match self.usage {
            Usage::Nothing => ResourcesUsed::default(),
            Usage::Some => ResourcesUsed { instructions: 10_000_000, memory_bytes: (64 << 20) - 1, time_seconds: 5 },
            Usage::Absurd => ResourcesUsed { instructions: u64::MAX, memory_bytes: u64::MAX, time_seconds: u64::MAX },
        };
        let output = |output: Vec<u8>| ExecutionResponse::succeeded(output, used);
        let response = match self.kind {
            Kind::Text(size) => output(vec![b'a'; size]),
            Kind::Control(size) => output(vec![1; size]),
            Kind::Json => output(br#"{"a": [1, 2.5, null]}"#.to_vec()),
            Kind::NotText(size) => output(vec![0xff; size]),
            Kind::Reference => {
                ExecutionResponse::succeeded_with_ref(DataRef { sha256: Sha256([3; 32]), size: 1 << 40 }, used)
            }
            Kind::Nothing => ExecutionResponse { return_value: None, ..output(vec![]) },
            Kind::Failure(code, size) => {
                ExecutionResponse { error: Some("e".repeat(size)), ..ExecutionResponse::failed(code, "", used) }
            }
            Kind::FailureWithoutCode => ExecutionResponse { success: false, ..output(vec![1]) },
        };
        let response = if self.names_program { response.of_program(Sha256([9; 32])) } else { response };
        if self.has_receipt { response.with_receipt(Sha256([8; 32])) } else { response }
    }
}

fn bounds(percent: u32) -> MaxLimits {
    let usual = answers::worst_case(&ResourceLimits::default());
    MaxLimits {
        max_instructions: usual.instructions * u64::from(percent) / 100,
        max_memory_mb: 128 * percent / 100,
        max_execution_seconds: 60 * percent / 100,
    }
}

fn repository() -> CodeSource {
    CodeSource::Git(GitSource {
        repo: RepoUrl::new("https://github.com/user/project").unwrap(),
        commit: CommitId::new("abc123").unwrap(),
        build_target: BuildTarget::Wasm32Wasip1,
        path: None,
    })
}

fn compiled() -> CodeSource {
    CodeSource::Wasm(WasmSource { wasm_sha256: Sha256([9; 32]), url: None, build_target: None })
}
