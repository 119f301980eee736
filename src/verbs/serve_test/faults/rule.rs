//! The grammar of `--fault`.
//!
//! ```text
//! rule     = [protocol] verb [argument] [when] "=>" effect *("," effect)
//! protocol = "smtp" / "submission" / "lmtp" / "imap" / "pop3" / "nntp"
//! verb     = 1*(ALPHA / DIGIT) / "greeting" / "." / "*"
//! argument = text / [text] "/" regex "/"
//! when     = "#" number ["+"] / "%" percent / ">" number "/" ("s" / "min" / "h")
//! effect   = "delay" span / "drop after" octets / "throttle" octets "/s"
//!          / "close" / "stall" / "garble" / "greylist" [span] / reply
//! reply    = 3DIGIT text / "+OK" text / "-ERR" text / ("OK" / "NO" / "BAD" / "BYE") text
//!          / "*" text / "reply" text
//! ```
//!
//! A reply takes all that is left. Blanks may stand between any two of these.

use std::str::FromStr;
use std::time::Duration;

use super::rate::Rate;
use crate::query::Pattern;
use crate::verbs::serve_test::listeners::Protocol;

/// One rule: what it matches, and what becomes of that.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `None`: any that the reply fits.
    protocol: Option<Protocol>,
    verb: String,
    argument: Option<Argument>,
    /// Which of the matches.
    pub when: When,
    /// In their order; a reply is the last.
    pub effects: Vec<Effect>,
}

/// Which matches of a rule have its effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// The one of this number, from 1.
    Nth(u64),
    /// From this number on.
    From(u64),
    /// So many of a hundred, by chance.
    Percent(u64),
    /// Those that are more than the rate allows.
    Over(Rate),
}

/// What a command's argument has to hold.
#[derive(Debug, Clone)]
struct Argument {
    /// In lower case; may be empty.
    text: String,
    /// Looked for behind the text.
    pattern: Option<Pattern>,
}

/// What becomes of a command, or of the answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It is heard so much later.
    Delay(Duration),
    /// The connection ends after so many octets more.
    DropAfter(u64),
    /// The connection ends without an answer.
    Close,
    /// No answer comes.
    Stall,
    /// Some octets of the answer are others.
    Garble,
    /// The answer takes its time: octets a second.
    Throttle(u64),
    /// A recipient has to be tried again, at least so much later.
    Greylist(Duration),
    /// This is the answer, and the server does nothing.
    Reply(Reply),
}

/// An answer in place of the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A whole line of SMTP, submission, LMTP or NNTP.
    Smtp(String),
    /// A whole line of POP3.
    Pop(String),
    /// What follows the tag of IMAP.
    Tagged(String),
    /// A whole line of IMAP.
    Untagged(String),
    /// A whole line of any protocol, right or wrong there.
    Verbatim(String),
}

impl Reply {
    fn fits(&self, protocol: Protocol) -> bool {
        match self {
            Reply::Smtp(_) => is_smtp(protocol) || protocol == Protocol::Nntp,
            Reply::Pop(_) => protocol == Protocol::Pop,
            Reply::Tagged(_) | Reply::Untagged(_) => protocol == Protocol::Imap,
            Reply::Verbatim(_) => true,
        }
    }

    /// Whether the connection ends behind it (RFC 5321 section 3.8, RFC 9051 section 7.1.5, RFC
    /// 3977 section 3.2.1).
    pub fn is_goodbye(&self, protocol: Protocol) -> bool {
        match self {
            Reply::Smtp(line) if protocol == Protocol::Nntp => line.starts_with("400"),
            Reply::Smtp(line) => line.starts_with("421"),
            Reply::Untagged(line) => {
                line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("* BYE"))
            }
            _ => false,
        }
    }
}

/// Whether it is one of the three that share their commands.
pub fn is_smtp(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Smtp | Protocol::Submission | Protocol::Lmtp)
}

/// A command, as rules look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// The verb; `greeting` before the first.
    pub verb: &'a str,
    /// The second word, where the first only says how (`UID FETCH`).
    pub second: Option<&'a str>,
    /// What follows the verb.
    pub argument: &'a str,
}

impl Rule {
    /// Whether it has to do with the protocol at all.
    pub fn is_for(&self, protocol: Protocol) -> bool {
        self.protocol.is_none_or(|own| own == protocol)
            && self.effects.iter().all(|effect| match effect {
                Effect::Reply(reply) => reply.fits(protocol),
                Effect::Greylist(_) => is_smtp(protocol),
                _ => true,
            })
    }

    /// Whether it is about this command, whichever time.
    pub fn matches(&self, protocol: Protocol, command: &Command<'_>) -> bool {
        let is_verb = match self.verb.as_str() {
            "*" => command.verb != GREETING,
            verb => {
                verb.eq_ignore_ascii_case(command.verb)
                    || command.second.is_some_and(|second| verb.eq_ignore_ascii_case(second))
            }
        };
        is_verb
            && self.is_for(protocol)
            && self.argument.as_ref().is_none_or(|wanted| wanted.is_in(command.argument))
    }

    /// Whether chance has a part in it.
    pub fn is_random(&self) -> bool {
        matches!(self.when, When::Percent(_)) || self.effects.contains(&Effect::Garble)
    }
}

impl Argument {
    fn is_in(&self, argument: &str) -> bool {
        let Some(at) = argument.to_ascii_lowercase().find(&self.text) else { return false };
        let behind = &argument[at + self.text.len()..];
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches(behind))
    }
}

/// The verb of what a server says first.
pub const GREETING: &str = "greeting";

/// A mistake in a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    /// Offset in octets.
    offset: usize,
    wanted: String,
}

impl Mistake {
    /// The rule, a caret under the place, and what should be there.
    fn render(&self, rule: &str) -> String {
        let shown: String = rule.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before = rule.get(..self.offset).map_or(0, |text| text.chars().count());
        format!("expected {}\n  {shown}\n  {}^", self.wanted, " ".repeat(before))
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Parser { text, at: 0 }.rule().map_err(|mistake| mistake.render(text))
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn wants<T>(&self, what: impl Into<String>) -> Result<T, Mistake> {
        Err(Mistake { offset: self.at, wanted: what.into() })
    }

    /// Takes `literal` in any case, and tells whether it was there.
    fn takes(&mut self, literal: &str) -> bool {
        let there = self
            .rest()
            .get(..literal.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(literal));
        if there {
            self.at += literal.len();
        }
        there
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let length = match rest.as_bytes().first() {
            Some(b'.' | b'*') => 1,
            _ => rest.bytes().take_while(u8::is_ascii_alphanumeric).count(),
        };
        self.at += length;
        &rest[..length]
    }

    fn number(&mut self, what: &str) -> Result<u64, Mistake> {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        match rest[..digits].parse() {
            Ok(number) => {
                self.at += digits;
                Ok(number)
            }
            Err(_) => self.wants(what),
        }
    }

    fn rule(mut self) -> Result<Rule, Mistake> {
        self.blanks();
        let start = self.at;
        let mut verb = self.word();
        let protocol = protocol(verb);
        if protocol.is_some() {
            self.blanks();
            verb = self.word();
        }
        if verb.is_empty() {
            return self.wants(match protocol {
                Some(_) => "a command, as in imap fetch",
                None if start == self.text.len() => {
                    "a rule, as in 'rcpt to:/full/ => 452 4.2.2 full'"
                }
                None => "a protocol or a command, as in rcpt",
            });
        }
        let argument = self.argument()?;
        let when = self.when()?;
        if !self.takes("=>") {
            return self.wants("=> and what happens, as in => close");
        }
        let effects = self.effects(protocol)?;
        Ok(Rule { protocol, verb: verb.to_owned(), argument, when, effects })
    }

    fn argument(&mut self) -> Result<Option<Argument>, Mistake> {
        self.blanks();
        let rest = self.rest();
        let ends = |at: usize| rest[at..].starts_with("=>") || is_when(&rest[at..]);
        let end = rest
            .char_indices()
            .find(|(at, c)| *c == '/' || ends(*at))
            .map_or(rest.len(), |(at, _)| at);
        let text = rest[..end].trim_end().to_ascii_lowercase();
        self.at += end;
        let pattern = match self.rest().starts_with('/') {
            true => Some(self.regex()?),
            false => None,
        };
        self.blanks();
        Ok((!text.is_empty() || pattern.is_some()).then_some(Argument { text, pattern }))
    }

    fn regex(&mut self) -> Result<Pattern, Mistake> {
        let inner = &self.rest()[1..];
        let mut is_escaped = false;
        let end = inner.char_indices().find(|(_, c)| {
            let ends = *c == '/' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            ends
        });
        let Some((end, _)) = end else {
            return self.wants("a slash at the end of this regular expression");
        };
        match Pattern::regex(&inner[..end]) {
            Ok(pattern) => {
                self.at += end + 2;
                Ok(pattern)
            }
            Err(error) => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                let reason = reason.trim().trim_start_matches("error: ");
                self.wants(format!("a regular expression ({reason})"))
            }
        }
    }

    fn when(&mut self) -> Result<When, Mistake> {
        let when = if self.takes("#") {
            let start = self.at;
            let number = self.number("a number, as in #3")?;
            if number == 0 {
                self.at = start;
                return self.wants("a number from 1 on");
            }
            if self.takes("+") { When::From(number) } else { When::Nth(number) }
        } else if self.takes("%") {
            let start = self.at;
            let percent = self.number("a number, as in %10")?;
            if !(1..=100).contains(&percent) {
                self.at = start;
                return self.wants("1 to 100 of a hundred");
            }
            When::Percent(percent)
        } else if self.takes(">") {
            let word = self.rest().split([' ', '=']).next().unwrap_or_default();
            match word.parse() {
                Ok(rate) => {
                    self.at += word.len();
                    When::Over(rate)
                }
                Err(()) => return self.wants("a rate, as in >20/min"),
            }
        } else {
            When::Always
        };
        self.blanks();
        Ok(when)
    }

    fn effects(&mut self, protocol: Option<Protocol>) -> Result<Vec<Effect>, Mistake> {
        let mut effects = Vec::new();
        loop {
            self.blanks();
            let start = self.at;
            let word = self.rest().split([' ', ',']).next().unwrap_or_default();
            let effect = match word.to_ascii_lowercase().as_str() {
                "delay" => {
                    self.at += word.len();
                    Effect::Delay(self.span()?)
                }
                "drop" => {
                    self.at += word.len();
                    self.blanks();
                    if !self.takes("after") {
                        return self.wants("after and a number of octets, as in drop after 512");
                    }
                    self.blanks();
                    Effect::DropAfter(self.number("a number of octets, as in drop after 512")?)
                }
                "throttle" => {
                    self.at += word.len();
                    self.blanks();
                    let number_at = self.at;
                    let rate = self.number("octets a second, as in throttle 100/s")?;
                    if !self.takes("/s") {
                        return self.wants("/s, as in throttle 100/s");
                    }
                    if rate == 0 {
                        self.at = number_at;
                        return self.wants("at least 1/s; stall sends nothing");
                    }
                    Effect::Throttle(rate)
                }
                "close" => {
                    self.at += word.len();
                    Effect::Close
                }
                "stall" => {
                    self.at += word.len();
                    Effect::Stall
                }
                "garble" => {
                    self.at += word.len();
                    Effect::Garble
                }
                "greylist" => {
                    self.at += word.len();
                    self.blanks();
                    let is_bare = self.rest().is_empty() || self.rest().starts_with(',');
                    Effect::Greylist(if is_bare { Duration::ZERO } else { self.span()? })
                }
                _ => {
                    let reply = self.reply(protocol)?;
                    if let Some(protocol) = protocol
                        && !reply.fits(protocol)
                    {
                        self.at = start;
                        return self.wants(of_protocol(protocol));
                    }
                    Effect::Reply(reply)
                }
            };
            effects.push(effect);
            self.blanks();
            if self.rest().is_empty() {
                return Ok(effects);
            }
            if !self.takes(",") {
                return self.wants("a comma and another effect, or the end");
            }
        }
    }

    fn span(&mut self) -> Result<Duration, Mistake> {
        self.blanks();
        let word = self.rest().split([' ', ',']).next().unwrap_or_default();
        match span(word) {
            Some(span) => {
                self.at += word.len();
                Ok(span)
            }
            None => self.wants("a time, as in delay 3s or delay 200ms"),
        }
    }

    /// Takes all that is left.
    fn reply(&mut self, protocol: Option<Protocol>) -> Result<Reply, Mistake> {
        let rest = self.rest().trim_end();
        if let Some(at) = rest.find(char::is_control) {
            self.at += at;
            return self.wants("a reply of one line");
        }
        let word = rest.split(' ').next().unwrap_or_default();
        let is_code = word.len() == 3
            && word.bytes().all(|octet| octet.is_ascii_digit())
            && matches!(word.as_bytes()[0], b'2'..=b'5');
        let reply = match word.to_ascii_uppercase().as_str() {
            _ if is_code => Reply::Smtp(rest.to_owned()),
            "+OK" | "-ERR" => Reply::Pop(rest.to_owned()),
            "OK" | "NO" | "BAD" => Reply::Tagged(rest.to_owned()),
            "BYE" => Reply::Untagged(format!("* {rest}")),
            "*" | "+" => Reply::Untagged(rest.to_owned()),
            "REPLY" => Reply::Verbatim(rest[word.len()..].trim_start().to_owned()),
            _ => {
                let wanted = match protocol {
                    Some(protocol) => of_protocol(protocol),
                    None => "a reply, as in 452 4.2.2 full",
                };
                return self.wants(format!(
                    "delay, drop after, throttle, close, stall, garble, greylist, or {wanted}"
                ));
            }
        };
        self.at = self.text.len();
        Ok(reply)
    }
}

/// What a reply of the protocol looks like.
fn of_protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Imap => "a reply of IMAP, as in NO [UNAVAILABLE] try later",
        Protocol::Pop => "a reply of POP3, as in -ERR [SYS/TEMP] try later",
        _ => "a reply of SMTP, as in 452 4.2.2 full",
    }
}

fn protocol(word: &str) -> Option<Protocol> {
    Some(match word.to_ascii_lowercase().as_str() {
        "smtp" => Protocol::Smtp,
        "submission" => Protocol::Submission,
        "lmtp" => Protocol::Lmtp,
        "imap" => Protocol::Imap,
        "pop3" => Protocol::Pop,
        "nntp" => Protocol::Nntp,
        _ => return None,
    })
}

/// Whether `#3`, `#3+`, `%10` or `>20/min` stands here, with the arrow behind it.
fn is_when(text: &str) -> bool {
    let Some(number) = text.strip_prefix(['#', '%', '>']) else { return false };
    let behind = number.trim_start_matches(|c: char| c.is_ascii_digit());
    let behind = behind.strip_prefix(['+', '/']).unwrap_or(behind);
    let behind = behind.trim_start_matches(|c: char| c.is_ascii_lowercase());
    behind.trim_start().starts_with("=>")
}

/// Reads `200ms`, `3s`, `2min`, `1h`, or seconds alone; at most a day.
pub fn span(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let milliseconds = match &text[digits..] {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let span = Duration::from_millis(number.checked_mul(milliseconds)?);
    (span <= Duration::from_secs(86_400)).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        text.parse().unwrap_or_else(|error| panic!("{text}:\n{error}"))
    }

    fn command<'a>(verb: &'a str, argument: &'a str) -> Command<'a> {
        Command { verb, second: None, argument }
    }

    #[test]
    fn the_examples_are_read() {
        let full = rule("rcpt to:/full/ => 452 4.2.2 full");
        assert_eq!(full.effects, [Effect::Reply(Reply::Smtp("452 4.2.2 full".into()))]);
        assert_eq!(full.when, When::Always);
        assert!(full.matches(Protocol::Smtp, &command("RCPT", "TO:<full@example.test>")));
        assert!(full.matches(Protocol::Lmtp, &command("rcpt", "to:<a.FULL@example.test>")));
        assert!(!full.matches(Protocol::Smtp, &command("RCPT", "TO:<bob@example.test>")));
        assert!(!full.matches(Protocol::Smtp, &command("MAIL", "FROM:<full@example.test>")));
        // A reply of SMTP is none of IMAP's.
        assert!(!full.is_for(Protocol::Imap) && !full.is_for(Protocol::Pop));

        let third = rule("imap fetch#3 => drop after 512");
        assert_eq!((third.when, &third.effects[..]), (When::Nth(3), &[Effect::DropAfter(512)][..]));
        assert!(third.matches(Protocol::Imap, &command("FETCH", "1 FLAGS")));
        let by_uid = Command { verb: "UID", second: Some("fetch"), argument: "1 FLAGS" };
        assert!(third.matches(Protocol::Imap, &by_uid));
        assert!(!third.matches(Protocol::Smtp, &command("FETCH", "")));
    }

    #[test]
    fn effects_stand_in_a_row() {
        let all = rule("pop3 retr 2 %10 => delay 200ms, throttle 50/s,garble , drop after 0");
        assert_eq!(all.when, When::Percent(10));
        assert!(all.is_random());
        assert_eq!(
            all.effects,
            [
                Effect::Delay(Duration::from_millis(200)),
                Effect::Throttle(50),
                Effect::Garble,
                Effect::DropAfter(0)
            ]
        );
        let reply = rule("data=>delay 1s, 451 4.3.0 later, perhaps").effects;
        assert_eq!(reply[1], Effect::Reply(Reply::Smtp("451 4.3.0 later, perhaps".into())));
        assert_eq!(rule("login#2+ => no").when, When::From(2));
        let bye = rule("greeting => BYE gone").effects;
        assert_eq!(bye, [Effect::Reply(Reply::Untagged("* BYE gone".into()))]);
        assert!(matches!(&bye[0], Effect::Reply(reply) if reply.is_goodbye(Protocol::Imap)));
        assert!(rule(". => close").matches(Protocol::Submission, &command(".", "")));
        let any = rule("* => stall");
        assert!(any.matches(Protocol::Pop, &command("STAT", "")));
        assert!(!any.matches(Protocol::Pop, &command(GREETING, "")));
    }

    #[test]
    fn text_and_regex_of_an_argument() {
        let text = rule("mail from:<bob@ => 550 no");
        assert!(text.matches(Protocol::Smtp, &command("MAIL", "FROM:<Bob@example.test>")));
        let escaped = rule(r"imap select /^a\/b#1$/ => NO not that one");
        assert!(escaped.matches(Protocol::Imap, &command("SELECT", "A/b#1")));
        assert!(!escaped.matches(Protocol::Imap, &command("SELECT", "a/b#12")));
        // Only in front of the arrow is it a number of times.
        let hash = rule("subject a#1 b => close");
        assert!(hash.matches(Protocol::Smtp, &command("SUBJECT", "xa#1 bx")));
    }

    #[test]
    fn a_mistake_is_shown_where_it_is() {
        for (text, offset, wanted) in [
            ("", 0, "a rule"),
            ("=> close", 0, "a protocol or a command"),
            ("imap => close", 5, "a command"),
            ("rcpt", 4, "=>"),
            ("rcpt /full => 452 x", 5, "a slash"),
            ("rcpt /(/ => 452 x", 5, "a regular expression"),
            ("rcpt#0 => close", 5, "from 1 on"),
            ("rcpt%101 => close", 5, "1 to 100"),
            ("rcpt => explode", 8, "delay, drop after"),
            ("rcpt =>", 7, "delay, drop after"),
            ("rcpt => delay soon", 14, "a time"),
            ("rcpt => drop 512", 13, "after"),
            ("rcpt => throttle 5", 18, "/s"),
            ("rcpt => throttle 0/s", 17, "at least 1/s"),
            ("rcpt => close now", 14, "a comma"),
            ("imap fetch => 452 full", 14, "a reply of IMAP"),
            ("pop3 retr => NO", 13, "a reply of POP3"),
            ("rcpt => 452 a\r\n250 b", 13, "one line"),
        ] {
            let error = text.parse::<Rule>().expect_err(text);
            assert!(error.starts_with("expected ") && error.contains(wanted), "{text}: {error}");
            let caret = error.lines().last().expect("a line of the caret");
            assert_eq!(caret.len(), 2 + offset + 1, "{text}:\n{error}");
        }
    }

    #[test]
    fn spans() {
        assert_eq!(span("3s"), Some(Duration::from_secs(3)));
        assert_eq!(span("3"), Some(Duration::from_secs(3)));
        assert_eq!(span("2min"), Some(Duration::from_secs(120)));
        for wrong in ["", "s", "3d", "-1s", "25h", "99999999999999999999s"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }
}
