//! Disturbs connections on purpose: the rules of `--fault`, and addresses that ask for it.
//!
//! A rule counts its matches over all connections. The first rule that matches and whose time
//! it is decides; the rest only count. What goes by chance goes by the seed: the same commands
//! in the same order meet the same faults.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::listeners::Protocol;
use super::personalities::Like;
use crate::net::hook::{Hook, Verdict};
use crate::smtp::syntax::reply::EnhancedCode;

mod rate;
mod rule;

pub use rate::Rate;
pub use rule::{Rule, span};

use rate::Meter;
use rule::{Command, Effect, GREETING, Reply, When, is_smtp};

/// The domain of addresses that ask for a fault.
const DOMAIN: &str = "fault.test";

/// How long a stalled connection stays before it is closed after all, so that clients that
/// went away do not hold it for ever.
const STALL: Duration = Duration::from_secs(600);

/// One octet of so many is another in a garbled answer.
const GARBLED: u64 = 8;

/// Senders and recipients that greylisting remembers.
const GREYLISTED: usize = 100_000;

/// All rules, and how often each has matched.
pub struct Faults {
    rules: Vec<(Rule, Counted)>,
    random: Random,
    like: Option<Like>,
    /// Commands of one connection.
    commands: Option<Rate>,
    /// Who sends from where to whom, and when it was first tried.
    greylist: RefCell<HashMap<Triplet, Instant>>,
}

/// Where a client is, the sender and the recipient: what greylisting goes by.
type Triplet = (Option<IpAddr>, String, String);

/// How often a rule has matched.
#[derive(Default)]
struct Counted {
    all: Cell<u64>,
    meter: Meter,
}

impl Faults {
    /// Rules in their order, nothing matched yet.
    pub fn new(rules: &[Rule], seed: u64, like: Option<Like>, commands: Option<Rate>) -> Rc<Self> {
        Rc::new(Self {
            rules: rules.iter().map(|rule| (rule.clone(), Counted::default())).collect(),
            random: Random(Cell::new(seed)),
            like,
            commands,
            greylist: RefCell::default(),
        })
    }

    /// What disturbs one connection; `None` where nothing can.
    pub fn hook(
        self: &Rc<Self>,
        protocol: Protocol,
        address: Option<IpAddr>,
    ) -> Option<Box<dyn Hook>> {
        let has_rules = self.rules.iter().any(|(rule, _)| rule.is_for(protocol));
        let is_busy = has_rules || self.commands.is_some() || self.like.is_some();
        (is_busy || is_smtp(protocol)).then(|| {
            Box::new(Disturbing {
                faults: self.clone(),
                protocol,
                address,
                is_busy,
                from: String::new(),
                meter: Meter::default(),
                is_greeted: false,
                tag: "*".to_owned(),
                accepted: 0,
                closes: false,
                garbles: false,
                throttle: None,
                left: None,
            }) as Box<dyn Hook>
        })
    }

    /// The effects of the first rule whose time it is; none where there is no such rule.
    fn effects(&self, protocol: Protocol, command: &Command<'_>) -> Vec<Effect> {
        let mut found = None;
        for (rule, matched) in &self.rules {
            if !rule.matches(protocol, command) {
                continue;
            }
            let all = matched.all.get() + 1;
            matched.all.set(all);
            let is_time = match rule.when {
                When::Always => true,
                When::Nth(number) => all == number,
                When::From(number) => all >= number,
                When::Percent(percent) => self.random.next() % 100 < percent,
                When::Over(rate) => matched.meter.is_over(rate, Instant::now()).is_some(),
            };
            if is_time && found.is_none() {
                found = Some(rule.effects.clone());
            }
        }
        found.unwrap_or_default()
    }

    /// Whether a recipient is to be tried again later; a client that does is let through.
    fn is_greylisted(&self, address: Option<IpAddr>, from: &str, to: &str, span: Duration) -> bool {
        let mut known = self.greylist.borrow_mut();
        if known.len() >= GREYLISTED {
            known.clear();
        }
        let now = Instant::now();
        let key = (address, from.to_owned(), to.to_ascii_lowercase());
        match known.get(&key) {
            Some(first) => now.duration_since(*first) < span,
            None => {
                known.insert(key, now);
                true
            }
        }
    }

    /// Makes some octets others; line ends stay.
    fn garble(&self, octets: &mut [u8]) {
        let mut is_garbled = false;
        for octet in octets.iter_mut().filter(|octet| !matches!(**octet, b'\r' | b'\n')) {
            if self.random.next().is_multiple_of(GARBLED) {
                *octet = self.other(*octet);
                is_garbled = true;
            }
        }
        if !is_garbled && let Some(octet) = octets.first_mut() {
            *octet = self.other(*octet);
        }
    }

    /// An octet that is not this one, nor a line end or NUL.
    fn other(&self, octet: u8) -> u8 {
        loop {
            let other = (self.random.next() >> 56) as u8;
            if other != octet && !matches!(other, b'\r' | b'\n' | 0) {
                return other;
            }
        }
    }
}

/// A seed for when none was given.
pub fn random_seed() -> u64 {
    let mut octets = [0; 4];
    crate::sasl::system_random(&mut octets);
    // Short enough to be typed again.
    u64::from(u32::from_le_bytes(octets))
}

/// Numbers that follow from a seed (SplitMix64): for tests that are to be repeated, not for
/// secrets.
struct Random(Cell<u64>);

impl Random {
    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// One connection and what is to become of it.
struct Disturbing {
    faults: Rc<Faults>,
    protocol: Protocol,
    /// Where the client is.
    address: Option<IpAddr>,
    /// Not only addresses ask for something.
    is_busy: bool,
    /// What followed the last MAIL.
    from: String,
    /// Commands so far.
    meter: Meter,
    /// The greeting has passed.
    is_greeted: bool,
    /// The tag of the last command of IMAP.
    tag: String,
    /// Recipients of this transaction: LMTP answers message data once for each.
    accepted: usize,
    /// The connection ends behind the next answer.
    closes: bool,
    /// The answer to this command is garbled.
    garbles: bool,
    /// Octets a second of the answer to this command.
    throttle: Option<u64>,
    /// Octets until the connection ends.
    left: Option<u64>,
}

impl Disturbing {
    /// Does what can be done now, and remembers the rest. `Some`: the answer in place of the
    /// server's, empty where the connection just ends.
    async fn disturb(
        &mut self,
        effects: &[Effect],
        argument: &str,
        repeated: usize,
    ) -> Option<Vec<u8>> {
        for effect in effects {
            match effect {
                Effect::Greylist(span) => {
                    let Self { faults, address, from, .. } = &*self;
                    if faults.is_greylisted(*address, from, argument, *span) {
                        return Some(b"451 4.7.1 greylisted, try again later\r\n".to_vec());
                    }
                }
                Effect::Delay(span) => tokio::time::sleep(*span).await,
                Effect::DropAfter(octets) => self.left = Some(*octets),
                Effect::Garble => self.garbles = true,
                Effect::Throttle(rate) => self.throttle = Some(*rate),
                Effect::Close => {
                    self.closes = true;
                    return Some(Vec::new());
                }
                Effect::Stall => {
                    tokio::time::sleep(STALL).await;
                    self.closes = true;
                    return Some(Vec::new());
                }
                Effect::Reply(reply) => {
                    self.closes |= reply.is_goodbye(self.protocol);
                    let line = match reply {
                        Reply::Tagged(text) => format!("{} {text}\r\n", self.tag),
                        Reply::Smtp(line)
                        | Reply::Pop(line)
                        | Reply::Untagged(line)
                        | Reply::Verbatim(line) => format!("{line}\r\n"),
                    };
                    return Some(line.repeat(repeated).into_bytes());
                }
            }
        }
        None
    }

    /// Counts the recipients that the client believes in.
    fn count(&mut self, command: &[u8], answer: &[u8]) {
        let is =
            |verb: &[u8]| command.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(verb));
        if is(b"RCPT") {
            self.accepted += usize::from(answer.first() == Some(&b'2'));
        } else if is(b"MAIL") || is(b"RSET") || is(b"LHLO") {
            self.accepted = 0;
        }
    }
}

#[async_trait(?Send)]
impl Hook for Disturbing {
    async fn instead(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        if !self.is_busy && memchr::memchr(b'@', command).is_none() {
            // No address can ask for anything.
            return None;
        }
        (self.garbles, self.throttle) = (false, None);
        let line = String::from_utf8_lossy(command);
        let said = match self.protocol {
            Protocol::Imap => match line.split_once(' ') {
                Some((tag, rest)) => {
                    tag.clone_into(&mut self.tag);
                    imap_command(rest)
                }
                // A line in the middle of AUTHENTICATE or IDLE belongs to their tag.
                None => plain_command(&line),
            },
            _ => plain_command(&line),
        };
        if let Some(rate) = self.faults.commands
            && let Some(rest) = self.meter.is_over(rate, Instant::now())
        {
            let like = self.faults.like;
            let (answer, is_over) = Like::throttled(like, self.protocol, &self.tag, rest);
            self.closes |= is_over;
            return Some(answer.into_bytes());
        }
        if let Some(like) = self.faults.like
            && let Some(answer) = like.instead(self.protocol, &self.tag, said.verb, command.len())
        {
            return Some(answer.into_bytes());
        }
        if said.verb.eq_ignore_ascii_case("MAIL") {
            said.argument.clone_into(&mut self.from);
        }
        let mut effects = self.faults.effects(self.protocol, &said);
        if effects.is_empty() && is_smtp(self.protocol) {
            effects.extend(asked_for(&said));
        }
        let is_last_chunk = said.verb.eq_ignore_ascii_case("BDAT")
            && said.argument.split_ascii_whitespace().nth(1).is_some();
        // RFC 2033 sections 4.2 and 4.3: the end of a message has a reply for each recipient.
        let is_lmtp_message =
            self.protocol == Protocol::Lmtp && (said.verb == "." || is_last_chunk);
        let repeated = if is_lmtp_message { self.accepted.max(1) } else { 1 };
        self.disturb(&effects, said.argument, repeated).await
    }

    fn amend(&mut self, command: &mut Vec<u8>) {
        if self.protocol == Protocol::Imap
            && let Some(like) = self.faults.like
        {
            like.amend(command);
        }
    }

    fn pace(&self) -> Option<u64> {
        self.throttle
    }

    async fn before_write(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Verdict {
        if !self.is_greeted {
            self.is_greeted = true;
            let greeting = Command { verb: GREETING, second: None, argument: "" };
            let effects = self.faults.effects(self.protocol, &greeting);
            if let Some(octets) = self.disturb(&effects, "", 1).await {
                *answer = octets;
            }
        }
        if !self.is_busy && !self.closes {
            return Verdict::Send;
        }
        self.count(command, answer);
        if self.protocol == Protocol::Imap
            && let Some(like) = self.faults.like
        {
            like.disturb(&self.tag, command, answer);
        }
        if self.garbles {
            self.faults.garble(answer);
        }
        if let Some(left) = &mut self.left {
            let octets = answer.len() as u64;
            if octets >= *left {
                answer.truncate(usize::try_from(*left).unwrap_or(answer.len()));
                return Verdict::Close;
            }
            *left -= octets;
        }
        if self.closes { Verdict::Close } else { Verdict::Send }
    }
}

fn plain_command(line: &str) -> Command<'_> {
    let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
    Command { verb, second: None, argument }
}

/// A command behind its tag.
fn imap_command(rest: &str) -> Command<'_> {
    let command = plain_command(rest);
    if !command.verb.eq_ignore_ascii_case("UID") {
        return command;
    }
    let by_uid = plain_command(command.argument);
    Command { second: Some(by_uid.verb), ..command }
}

/// What the address of MAIL or RCPT asks for.
fn asked_for(command: &Command<'_>) -> Option<Effect> {
    if !["MAIL", "RCPT"].iter().any(|verb| verb.eq_ignore_ascii_case(command.verb)) {
        return None;
    }
    let (_, path) = command.argument.split_once('<')?;
    let (address, _) = path.split_once('>')?;
    let local = fault_local(address)?.to_ascii_lowercase();
    match local.as_str() {
        "close" => return Some(Effect::Close),
        "stall" => return Some(Effect::Stall),
        _ => {}
    }
    if let Some(delay) = delay(&local) {
        return Some(Effect::Delay(delay));
    }
    let (code, enhanced) = local.split_once('-').unwrap_or((&local, ""));
    let is_code = code.len() == 3 && matches!(code.parse::<u16>(), Ok(400..=599));
    let is_enhanced = enhanced.is_empty() || enhanced.parse::<EnhancedCode>().is_ok();
    (is_code && is_enhanced).then(|| {
        let blank = if enhanced.is_empty() { "" } else { " " };
        Effect::Reply(Reply::Smtp(format!("{code} {enhanced}{blank}as the address asks")))
    })
}

fn fault_local(address: &str) -> Option<&str> {
    let (local, domain) = address.rsplit_once('@')?;
    domain.eq_ignore_ascii_case(DOMAIN).then_some(local)
}

fn delay(local: &str) -> Option<Duration> {
    local.strip_prefix("delay-").and_then(span)
}

/// What becomes of mail to an address of the domain, once it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Magic {
    /// `delay-3s@fault.test`: it is the first user's. RCPT had to wait.
    Delayed,
    /// `late-3s@fault.test`: it is the first user's, after so long.
    Late(Duration),
    /// `bounce-5.1.1@fault.test`: it was taken and comes back; the enhanced code.
    Bounced(EnhancedCode),
}

impl Magic {
    /// What an address asks for; `None` for all that RCPT takes or refuses by itself.
    pub fn of(address: &str) -> Option<Self> {
        let local = fault_local(address)?.to_ascii_lowercase();
        if delay(&local).is_some() {
            return Some(Self::Delayed);
        }
        if let Some(late) = local.strip_prefix("late-").and_then(span) {
            return Some(Self::Late(late));
        }
        let code = match local.strip_prefix("bounce") {
            Some("") => "5.0.0",
            Some(code) => code.strip_prefix('-')?,
            None => return None,
        };
        code.parse().ok().filter(|code: &EnhancedCode| code.class == 5).map(Self::Bounced)
    }

    /// Whether the mail comes to a mailbox.
    pub fn has_mailbox(&self) -> bool {
        !matches!(self, Self::Bounced(_))
    }
}

#[cfg(test)]
mod tests;
