//! `poll_oneoff`: waiting for a clock, or for descriptors that are always ready.

use super::{
    Host,
    clock::{MONOTONIC, REALTIME, START_OF_TIME, now},
    guest::{Errno, Fault, charge, field, guest},
};

/// How many things one call may wait for. It bounds what the host reads at a time.
const MAX_SUBSCRIPTIONS: u32 = 1_024;
const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: usize = 32;
/// Kinds of subscriptions and events.
const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;
/// The time-out is a point in time, not a duration.
const ABSOLUTE: u16 = 1;

/// What a program waits for.
struct Subscription {
    userdata: [u8; 8],
    kind: u8,
    until: Until,
}

enum Until {
    /// This time on the monotonic clock.
    Time(u64),
    /// Now: a descriptor, which is either ready or not there.
    Now(u32),
}

/// Lets the time pass until the first thing is due, and tells which are.
pub(super) fn poll(host: &mut Host<'_>, wanted: u32, events: u32, count: u32, ready: u32) -> Result<(), Fault> {
    if !(1..=MAX_SUBSCRIPTIONS).contains(&count) {
        return Err(Errno::INVAL.into());
    }
    charge(host, u64::from(count) * u64::from(SUBSCRIPTION_BYTES))?;
    let now = now(host)?;
    let (memory, state) = guest(host)?;
    let subscriptions = memory
        .bytes(wanted, count * SUBSCRIPTION_BYTES)?
        .chunks_exact(SUBSCRIPTION_BYTES as usize)
        .map(|record| parse(record, now))
        .collect::<Result<Vec<_>, _>>()?;
    let first = subscriptions.iter().map(|s| s.until.time(now)).min().unwrap_or(now).max(now);
    state.clock.sleep(first - now)?;

    let (mut memory, state) = guest(host)?;
    let mut told = 0;
    let due = subscriptions.iter().filter(|s| s.until.time(now) <= first);
    for (at, subscription) in (events..).step_by(EVENT_BYTES).zip(due) {
        let errno = match subscription.until {
            Until::Now(fd) if !state.stdio.is_open(fd) && !state.files.is_open(fd) => Errno::BADF,
            _ => Errno::SUCCESS,
        };
        memory.write(at, &event(subscription, errno))?;
        told += 1;
    }
    memory.write_u32(ready, told)
}

impl Until {
    fn time(&self, now: u64) -> u64 {
        match self {
            Self::Time(time) => *time,
            Self::Now(_) => now,
        }
    }
}

/// Reads a subscription: user data at 0, kind at 8, and from 16 a descriptor, or a clock with its time-out and flags.
fn parse(record: &[u8], now: u64) -> Result<Subscription, Fault> {
    let [kind] = field(record, 8)?;
    let subject = u32::from_le_bytes(field(record, 16)?);
    let until = match kind {
        CLOCK => {
            let timeout = u64::from_le_bytes(field(record, 24)?);
            let absolute = u16::from_le_bytes(field(record, 40)?) & ABSOLUTE != 0;
            Until::Time(match (subject, absolute) {
                (REALTIME | MONOTONIC, false) => now.saturating_add(timeout),
                (REALTIME, true) => timeout.saturating_sub(START_OF_TIME),
                (MONOTONIC, true) => timeout,
                _ => return Err(Errno::INVAL.into()),
            })
        }
        FD_READ | FD_WRITE => Until::Now(subject),
        _ => return Err(Errno::INVAL.into()),
    };
    Ok(Subscription { userdata: field(record, 0)?, kind, until })
}

/// An event: user data at 0, error at 8, kind at 10, and at 16 how many bytes are there (at least one).
fn event(subscription: &Subscription, errno: Errno) -> [u8; EVENT_BYTES] {
    let mut event = [0; EVENT_BYTES];
    let available = u8::from(subscription.kind != CLOCK);
    let errno = u8::try_from(errno.0).unwrap_or(u8::MAX);
    let values =
        subscription.userdata.into_iter().zip(0..).chain([(errno, 8), (subscription.kind, 10), (available, 16)]);
    for (value, at) in values {
        if let Some(byte) = event.get_mut(at) {
            *byte = value;
        }
    }
    event
}
