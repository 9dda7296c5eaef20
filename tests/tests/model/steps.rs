//! What can happen, and how often. A step names its requests and accounts loosely (the third that waits, whoever owns
//! the contract now), so that a sequence still makes sense when shrinking takes steps out of it.

use crate::{calls::Code, people::Who};
use near_primitives::version::{MIN_SUPPORTED_PROTOCOL_VERSION, PROTOCOL_VERSION};
use offchainvm_interface::{FailureCode, ResponseFormat, calls::SetConfigArgs};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// Something happens, and then blocks are made.
#[derive(Clone, Debug)]
pub struct Step {
    pub act: Act,
    /// With none, the next step lands in the same block.
    pub blocks: u8,
}

/// What the contract is like when a sequence begins.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The chain's rules.
    pub protocol_version: u32,
    /// What the contract's account owns beyond its code's storage, in thousandths of a NEAR.
    pub float_millinear: u128,
    pub max_result_bytes: u32,
    pub receipt_history: u32,
    pub deadline_seconds: u64,
    /// Whether requests that wait at the end are left to their windows; otherwise time jumps over their deadlines.
    pub patient: bool,
}

#[derive(Clone, Debug)]
pub enum Act {
    Ask(Ask),
    Answer {
        by: By,
        to: Target,
        reply: Reply,
        deposit: u128,
    },
    AnswerMany {
        by: By,
        entries: Vec<Option<(Target, Reply)>>,
    },
    CancelStale {
        by: By,
        which: Target,
        deposit: u128,
    },
    Pull {
        by: By,
        lever: Lever,
        deposit: u128,
    },
    Accept {
        by: Who,
        deposit: u128,
    },
    Upgrade {
        by: By,
        code: Code,
        deposit: u128,
    },
    Claim {
        by: By,
        to: Option<Receiver>,
    },
    Delete(Who),
    Create(Who),
    Blocks(u8),
    /// So many heights pass without a block.
    Forward(u64),
    /// So many seconds pass without a height.
    Later(u64),
}

#[derive(Clone, Debug)]
pub struct Ask {
    pub by: Who,
    pub purse: Purse,
    pub limits: Limits,
    pub input: Input,
    pub format: ResponseFormat,
    pub refund_to: Option<Receiver>,
    pub compile_only: bool,
    pub compiled: bool,
    pub tgas: u64,
}

/// The right caller at that moment, or somebody.
#[derive(Clone, Copy, Debug)]
pub enum By {
    Right,
    Somebody(Who),
}

#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// One of those that wait.
    Waiting(u8),
    /// One of all that ever were.
    Any(u8),
    Unknown,
}

#[derive(Clone, Copy, Debug)]
pub enum Receiver {
    Somebody(Who),
    Nobody,
    TheContract,
}

#[derive(Clone, Copy, Debug)]
pub enum Purse {
    Exact,
    Generous,
    OneYoctoShort,
    Empty,
}

#[derive(Clone, Copy, Debug)]
pub enum Limits {
    Default,
    Least,
    Largest,
    Zero,
    OverTheCap,
}

#[derive(Clone, Copy, Debug)]
pub enum Input {
    None,
    Plain(usize),
    /// Grows when it is escaped.
    Quotes(usize),
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub kind: Kind,
    pub usage: Usage,
    pub names_program: bool,
    pub has_receipt: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text(usize),
    /// Control characters: six times as long in JSON.
    Control(usize),
    Json,
    NotText(usize),
    Reference,
    Nothing,
    Failure(FailureCode, usize),
    FailureWithoutCode,
}

#[derive(Clone, Copy, Debug)]
pub enum Usage {
    Nothing,
    Some,
    Absurd,
}

/// What only the owner may do.
#[derive(Clone, Debug)]
pub enum Lever {
    Price(Prices),
    Pause(bool),
    /// The largest limits, as a share of the default ones; zero is refused.
    Bounds(u32),
    Configure(SetConfigArgs),
    SetOperator(Who),
    AddOperator(Who),
    RemoveOperator(Who),
    Offer(Option<Who>),
    Withdraw(Share, Option<Receiver>),
    EmergencyCancel(Target),
}

#[derive(Clone, Copy, Debug)]
pub enum Prices {
    Default,
    Zero,
    Odd,
    /// No account could pay it.
    Huge,
    /// No number could hold it.
    Overflowing,
}

#[derive(Clone, Copy, Debug)]
pub enum Share {
    All,
    Half,
    TooMuch,
    Zero,
}

/// The contract's account owns more than its storage ever locks up.
pub fn rich() -> impl Strategy<Value = Setup> {
    setup(PROTOCOL_VERSION, Just(10_000))
}

/// The contract's account owns little or nothing beyond its code's storage.
pub fn poor() -> impl Strategy<Value = Setup> {
    setup(PROTOCOL_VERSION, prop_oneof![Just(0), 0..1_500u128])
}

/// Either, on a chain with the oldest rules that are supported.
pub fn old() -> impl Strategy<Value = Setup> {
    setup(MIN_SUPPORTED_PROTOCOL_VERSION, prop_oneof![Just(10_000), 0..1_500u128])
}

fn setup(protocol_version: u32, float: impl Strategy<Value = u128>) -> impl Strategy<Value = Setup> {
    let max_result_bytes = select(vec![65_536, 131_072]);
    let receipt_history = select(vec![100, 0, 3]);
    let deadline_seconds = select(vec![600, 60, 1_200]);
    (float, max_result_bytes, receipt_history, deadline_seconds, prop::bool::weighted(0.2)).prop_map(
        move |(float_millinear, max_result_bytes, receipt_history, deadline_seconds, patient)| Setup {
            protocol_version,
            float_millinear,
            max_result_bytes,
            receipt_history,
            deadline_seconds,
            patient,
        },
    )
}

pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let blocks = prop_oneof![3 => Just(0u8), 5 => Just(1), 2 => 2..5u8];
    vec((act(), blocks).prop_map(|(act, blocks)| Step { act, blocks }), 1..=most)
}

fn act() -> impl Strategy<Value = Act> {
    let operators_deposit = prop_oneof![20 => Just(0), 1 => Just(1u128)];
    let owners_deposit = prop_oneof![20 => Just(1), 1 => Just(0), 1 => Just(2u128)];
    let code = prop_oneof![4 => Just(Code::Same), 1 => Just(Code::Nothing), 1 => Just(Code::NoProgram)];
    prop_oneof![
        30 => ask().prop_map(Act::Ask),
        22 => (by(12), target(), reply(), operators_deposit.clone())
            .prop_map(|(by, to, reply, deposit)| Act::Answer { by, to, reply, deposit }),
        8 => (by(12), vec(option::weighted(0.9, (target(), reply())), 0..6))
            .prop_map(|(by, entries)| Act::AnswerMany { by, entries }),
        5 => (by(4), target(), operators_deposit)
            .prop_map(|(by, which, deposit)| Act::CancelStale { by, which, deposit }),
        18 => (by(12), lever(), owners_deposit.clone())
            .prop_map(|(by, lever, deposit)| Act::Pull { by, lever, deposit }),
        2 => (select(Who::OWNERS.to_vec()), owners_deposit.clone()).prop_map(|(by, deposit)| Act::Accept { by, deposit }),
        2 => (by(2), code, owners_deposit).prop_map(|(by, code, deposit)| Act::Upgrade { by, code, deposit }),
        4 => (by(4), option::of(receiver())).prop_map(|(by, to)| Act::Claim { by, to }),
        2 => select(Who::MORTALS.to_vec()).prop_map(Act::Delete),
        2 => select(Who::MORTALS.to_vec()).prop_map(Act::Create),
        2 => (1..8u8).prop_map(Act::Blocks),
        6 => prop_oneof![Just(1..30u64), Just(195..206), Just(400..420)].prop_flat_map(|heights| heights)
            .prop_map(Act::Forward),
        3 => prop_oneof![1..60u64, 590..1_300u64].prop_map(Act::Later),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let purse = prop_oneof![
        12 => Just(Purse::Exact),
        6 => Just(Purse::Generous),
        1 => Just(Purse::OneYoctoShort),
        1 => Just(Purse::Empty),
    ];
    let limits = prop_oneof![
        8 => Just(Limits::Default),
        4 => Just(Limits::Least),
        2 => Just(Limits::Largest),
        1 => Just(Limits::Zero),
        1 => Just(Limits::OverTheCap),
    ];
    let input = prop_oneof![
        8 => Just(Input::None),
        6 => (1..200usize).prop_map(Input::Plain),
        2 => (3_500..4_500usize).prop_map(Input::Quotes),
        1 => (14_000..20_000usize).prop_map(Input::Plain),
    ];
    // 64 is refused; the others differ in how many windows they buy.
    let tgas = prop_oneof![1 => Just(64u64), 8 => Just(100), 3 => Just(300), 3 => 65..80u64];
    (
        select(Who::USERS.to_vec()),
        purse,
        limits,
        input,
        select(vec![ResponseFormat::Text, ResponseFormat::Json, ResponseFormat::Bytes]),
        option::weighted(0.25, receiver()),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.3),
        tgas,
    )
        .prop_map(|(by, purse, limits, input, format, refund_to, compile_only, compiled, tgas)| Ask {
            by,
            purse,
            limits,
            input,
            format,
            refund_to,
            compile_only,
            compiled,
            tgas,
        })
}

fn reply() -> impl Strategy<Value = Reply> {
    let size = prop_oneof![
        6 => 0..100usize,
        2 => 900..1_100usize,
        2 => 1_100..5_000usize,
        1 => select(vec![65_536, 65_537, 131_072, 131_073]),
        2 => 65_538..131_072usize,
    ];
    let code = select(FailureCode::ALL.to_vec());
    let message = prop_oneof![4 => 0..50usize, 1 => 900..1_100usize, 1 => Just(5_000usize)];
    let kind = prop_oneof![
        8 => size.clone().prop_map(Kind::Text),
        2 => prop_oneof![3 => 0..2_000usize, 1 => 100_000..=131_072usize].prop_map(Kind::Control),
        3 => Just(Kind::Json),
        2 => size.prop_map(Kind::NotText),
        2 => Just(Kind::Reference),
        1 => Just(Kind::Nothing),
        6 => (code, message).prop_map(|(code, size)| Kind::Failure(code, size)),
        1 => Just(Kind::FailureWithoutCode),
    ];
    let usage = prop_oneof![2 => Just(Usage::Nothing), 4 => Just(Usage::Some), 1 => Just(Usage::Absurd)];
    (kind, usage, any::<bool>(), any::<bool>()).prop_map(|(kind, usage, names_program, has_receipt)| Reply {
        kind,
        usage,
        names_program,
        has_receipt,
    })
}

fn lever() -> impl Strategy<Value = Lever> {
    let prices = prop_oneof![
        4 => Just(Prices::Default),
        2 => Just(Prices::Zero),
        3 => Just(Prices::Odd),
        1 => Just(Prices::Huge),
        1 => Just(Prices::Overflowing),
    ];
    let share = select(vec![Share::All, Share::Half, Share::TooMuch, Share::Zero]);
    let config = (
        option::of(select(vec![600, 1, 60, 1_200, 0, 604_801])),
        option::of(select(vec![65_536, 131_072, 1_000, 1, 0, 131_073])),
        option::weighted(0.2, select(vec![100, 0, 3, 1_000, 1_001])),
    );
    let operator = || select(Who::OPERATORS.to_vec());
    prop_oneof![
        4 => prices.prop_map(Lever::Price),
        1 => Just(Lever::Pause(true)),
        4 => Just(Lever::Pause(false)),
        2 => select(vec![100, 50, 0, 200]).prop_map(Lever::Bounds),
        2 => config.prop_map(|(deadline_seconds, max_result_bytes, receipt_history)| {
            Lever::Configure(SetConfigArgs { deadline_seconds, max_result_bytes, receipt_history })
        }),
        2 => operator().prop_map(Lever::SetOperator),
        3 => operator().prop_map(Lever::AddOperator),
        1 => operator().prop_map(Lever::RemoveOperator),
        1 => option::of(select(Who::OWNERS.to_vec())).prop_map(Lever::Offer),
        5 => (share, option::of(receiver())).prop_map(|(share, to)| Lever::Withdraw(share, to)),
        3 => target().prop_map(Lever::EmergencyCancel),
    ]
}

/// The right one, but for one in `rarely`.
fn by(rarely: u32) -> impl Strategy<Value = By> {
    prop_oneof![rarely => Just(By::Right), 1 => select(Who::ALL.to_vec()).prop_map(By::Somebody)]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        10 => any::<u8>().prop_map(Target::Waiting),
        2 => any::<u8>().prop_map(Target::Any),
        1 => Just(Target::Unknown),
    ]
}

fn receiver() -> impl Strategy<Value = Receiver> {
    prop_oneof![
        4 => select(Who::USERS.to_vec()).prop_map(Receiver::Somebody),
        3 => Just(Receiver::Nobody),
        1 => Just(Receiver::TheContract),
    ]
}
