//! Whether an SMTP server does what it offers: MAIL with every parameter, a chunk of a message,
//! and RSET behind each, so that no message is ever whole (RFC 6152, RFC 6531, RFC 3030, RFC 8689,
//! RFC 1870, RFC 2920, RFC 2034).

use super::untold;
use crate::smtp::syntax::reply::{EnhancedCode, Reply};
use crate::verbs::probe::dialogue::Dialogue;
use crate::verbs::probe::facts::{Offer, Protocol, Role, Stop, StopKind, Trial, Tried};
use crate::verbs::probe::timing::Phase;

const PHASE: Phase = Phase::Capabilities;

/// A chunk of a message. A server that does not know BDAT takes it for a command that does no
/// harm.
const CHUNK: &str = "NOOP\r\n";

/// In whose name it is asked.
pub struct Who {
    sender: String,
    recipient: String,
    /// Refusals may be for want of a login, and say nothing of what was asked.
    lacks_login: bool,
}

impl Who {
    /// Nobody, who may ask a server of users nothing.
    pub fn nobody(role: Role) -> Self {
        Self {
            sender: "<>".into(),
            recipient: "<postmaster>".into(),
            lacks_login: role == Role::Submission,
        }
    }

    /// A user who has logged in. Servers let a user send by the user's own address only.
    pub fn user(name: &str) -> Self {
        let is_address = name.split_once('@').is_some_and(|(local, domain)| {
            let is_plain =
                |octet: u8| octet.is_ascii_graphic() && !b"<>\"\\,;:@()[]".contains(&octet);
            !local.is_empty() && local.bytes().all(is_plain) && domain.bytes().all(is_plain)
        });
        match is_address {
            true => Self {
                sender: format!("<{name}>"),
                recipient: format!("<{name}>"),
                lacks_login: false,
            },
            false => Self { lacks_login: false, ..Self::nobody(Role::Submission) },
        }
    }
}

/// A parameter of MAIL, and what it shows.
type Parameter = (Trial, &'static str);

/// Asks for all that is offered, in the conversation as it stands. What an early end leaves
/// unasked is unknown.
pub async fn extensions(
    talk: &mut Dialogue,
    offer: &Offer,
    who: &Who,
    is_encrypted: bool,
) -> Vec<Tried> {
    if talk.protocol() != Protocol::Smtp || !offer.extended {
        return Vec::new();
    }
    let parameters: Vec<Parameter> = [
        (offer.has("8BITMIME"), (Trial::EightBit, "BODY=8BITMIME")),
        (offer.has("SMTPUTF8"), (Trial::Utf8, "SMTPUTF8")),
        (offer.has("REQUIRETLS") && is_encrypted, (Trial::RequireTls, "REQUIRETLS")),
    ]
    .into_iter()
    .filter_map(|(is_offered, parameter)| is_offered.then_some(parameter))
    .collect();
    let others = [
        (size(offer).is_some(), Trial::SizeKept),
        (offer.has("PIPELINING"), Trial::Pipelining),
        (offer.has("CHUNKING"), Trial::Chunking),
        (offer.has("ENHANCEDSTATUSCODES"), Trial::EnhancedCodes),
    ];
    let mut asked = Asked { talk, who, tried: Vec::new(), replies: Vec::new() };
    let ended = asked.all(offer, &parameters).await;
    let Asked { mut tried, replies, .. } = asked;
    if offer.has("ENHANCEDSTATUSCODES") {
        tried.extend(of_codes(&replies));
    }
    if let Err(stop) = ended {
        let wanted = parameters
            .iter()
            .map(|(trial, _)| *trial)
            .chain(others.into_iter().filter_map(|(is_wanted, trial)| is_wanted.then_some(trial)));
        for trial in wanted {
            if !tried.iter().any(|tried| tried.trial == trial) {
                tried.push(untold(trial, &stop));
            }
        }
    }
    tried
}

/// The largest message that is taken, in octets; `None` where the server does not say, or takes
/// any (RFC 1870 section 4).
fn size(offer: &Offer) -> Option<u64> {
    let line = offer.lines.iter().find_map(|line| {
        let (word, value) = line.split_once(' ')?;
        word.eq_ignore_ascii_case("SIZE").then_some(value)
    })?;
    // What is more than a file can have is as good as any size.
    let most = i64::MAX.unsigned_abs();
    line.trim().parse().ok().filter(|octets| (1..most).contains(octets))
}

/// A conversation in which things are asked, and what came of them.
struct Asked<'a> {
    talk: &'a mut Dialogue,
    who: &'a Who,
    tried: Vec<Tried>,
    replies: Vec<Reply>,
}

impl Asked<'_> {
    /// In an order that brings nothing out of step: what a server may not know comes last.
    async fn all(&mut self, offer: &Offer, parameters: &[Parameter]) -> Result<(), Stop> {
        self.parameters(parameters).await?;
        if let Some(limit) = size(offer) {
            self.size(limit).await?;
        }
        if offer.has("PIPELINING") {
            self.group().await?;
        }
        if offer.has("CHUNKING") {
            self.chunk().await?;
        }
        if self.replies.is_empty() && offer.has("ENHANCEDSTATUSCODES") {
            self.reset().await?;
        }
        Ok(())
    }

    async fn say(&mut self, line: &str) -> Result<Reply, Stop> {
        let mut answer = self.talk.say(PHASE, line.as_bytes(), 1).await?;
        let reply = answer.pop().ok_or_else(|| Stop {
            phase: PHASE,
            kind: StopKind::Protocol,
            detail: "no reply".into(),
        })?;
        self.replies.push(reply.clone());
        Ok(reply)
    }

    /// RSET must be taken (RFC 5321 section 4.1.1.5): without it nobody knows what the next
    /// command means.
    async fn reset(&mut self) -> Result<(), Stop> {
        let reply = self.say("RSET\r\n").await?;
        if reply.is_positive() {
            return Ok(());
        }
        let kind = if reply.is_transient() { StopKind::Later } else { StopKind::Refused };
        Err(Stop { phase: PHASE, kind, detail: format!("RSET: {reply}") })
    }

    async fn mail(&mut self, parameters: &str) -> Result<Reply, Stop> {
        let sender = &self.who.sender;
        let line = match parameters {
            "" => format!("MAIL FROM:{sender}\r\n"),
            some => format!("MAIL FROM:{sender} {some}\r\n"),
        };
        self.say(&line).await
    }

    /// All parameters in one command; where that is refused, one after the other.
    async fn parameters(&mut self, all: &[Parameter]) -> Result<(), Stop> {
        if all.is_empty() {
            return Ok(());
        }
        let words: Vec<&str> = all.iter().map(|(_, parameter)| *parameter).collect();
        let reply = self.mail(&words.join(" ")).await?;
        let is_about_one = is_about_parameters(&reply) && all.len() > 1;
        if reply.is_positive() {
            self.reset().await?;
        }
        for (trial, parameter) in all {
            let reply = match is_about_one {
                false => reply.clone(),
                true => {
                    let reply = self.mail(parameter).await?;
                    if reply.is_positive() {
                        self.reset().await?;
                    }
                    reply
                }
            };
            let words = if is_about_one { (*parameter).to_owned() } else { words.join(" ") };
            let words = format!("MAIL FROM:{} {words}: {reply}", self.who.sender);
            self.tried.extend(of_mail(*trial, words, &reply, self.who.lacks_login));
        }
        Ok(())
    }

    /// One octet more than is taken (RFC 1870 section 6.1).
    async fn size(&mut self, limit: u64) -> Result<(), Stop> {
        let parameter = format!("SIZE={}", limit.saturating_add(1));
        let reply = self.mail(&parameter).await?;
        if reply.is_positive() {
            self.reset().await?;
        }
        let words = format!("MAIL FROM:{} {parameter}: {reply}", self.who.sender);
        self.tried.extend(of_size(words, &reply, self.who.lacks_login));
        Ok(())
    }

    /// RFC 2920 section 3.1: only the last of a group may be NOOP.
    async fn group(&mut self) -> Result<(), Stop> {
        let line = format!("RSET\r\nMAIL FROM:{}\r\nRSET\r\nNOOP\r\n", self.who.sender);
        match self.talk.say(PHASE, line.as_bytes(), 4).await {
            Ok(answer) => {
                self.tried.push(of_group(&answer));
                self.replies.extend(answer);
                Ok(())
            }
            Err(stop) => {
                if stop.is_certain() {
                    self.tried.push(Tried::no(Trial::Pipelining, stop.detail.clone()));
                }
                Err(stop)
            }
        }
    }

    /// A chunk that is not the last, of a message that is then given up (RFC 3030 section 2).
    /// Where no recipient is taken, the command alone: that can only be out of order (503), or
    /// unknown.
    async fn chunk(&mut self) -> Result<(), Stop> {
        let mut takes = self.mail("").await?.is_positive();
        let is_begun = takes;
        if takes {
            let line = format!("RCPT TO:{}\r\n", self.who.recipient);
            takes = self.say(&line).await?.is_positive();
        }
        if takes {
            let line = format!("BDAT {}\r\n", CHUNK.len());
            let reply = self.say(&format!("{line}{CHUNK}")).await?;
            let words = format!("{}: {reply}", line.trim_end());
            self.tried.push(of_chunk(words, &reply, true));
            // Where it is unknown, the chunk has an answer of its own to come.
            return if matches!(reply.code(), 500 | 502) { Ok(()) } else { self.reset().await };
        }
        if is_begun {
            self.reset().await?;
        }
        let reply = self.say("BDAT 0 LAST\r\n").await?;
        let words = format!("BDAT 0 LAST without a message: {reply}");
        self.tried.push(of_chunk(words, &reply, false));
        Ok(())
    }
}

/// Whether a server for users takes mail from somebody without TLS and login.
pub async fn mail_in_the_clear(talk: &mut Dialogue) -> Option<Tried> {
    if talk.protocol() != Protocol::Smtp {
        return None;
    }
    let trial = Trial::MailBeforeTls;
    Some(match talk.say(Phase::Hello, b"MAIL FROM:<>\r\n", 1).await {
        Err(stop) => untold(trial, &stop),
        Ok(answer) => {
            let reply = answer.first()?;
            if reply.is_positive() {
                // What comes of it does not matter: the next word is STARTTLS.
                let _ = talk.say(Phase::Hello, b"RSET\r\n", 1).await;
                Tried::yes(trial, format!("MAIL FROM:<>: {reply}"))
            } else if reply.is_permanent() {
                Tried::no(trial, format!("MAIL FROM:<>: {reply}"))
            } else {
                Tried::unknown(trial, format!("MAIL FROM:<>: {reply}"))
            }
        }
    })
}

/// RFC 5321 section 4.1.1.11: 555 and 501 are about parameters, 504 about their values.
fn is_about_parameters(reply: &Reply) -> bool {
    matches!(reply.code(), 500 | 501 | 504 | 555)
}

/// Any other refusal for good is about the sender, and nobody can tell; nothing is said where it
/// is for want of a login.
fn of_mail(trial: Trial, words: String, reply: &Reply, lacks_login: bool) -> Option<Tried> {
    match reply.code() {
        250 => Some(Tried::yes(trial, words)),
        _ if is_about_parameters(reply) => Some(Tried::no(trial, words)),
        _ if reply.is_permanent() && lacks_login => None,
        _ => Some(Tried::unknown(trial, words)),
    }
}

/// RFC 1870 section 6.1: 552 is about the size; RFC 3463 section 3.4 has 5.3.4 and 5.2.3 for it.
fn of_size(words: String, reply: &Reply, lacks_login: bool) -> Option<Tried> {
    let trial = Trial::SizeKept;
    let is_about_size = reply.code() == 552
        || matches!(
            reply.enhanced_code(),
            Some(
                EnhancedCode { class: 5, subject: 3, detail: 4 }
                    | EnhancedCode { class: 5, subject: 2, detail: 3 }
            )
        );
    if reply.code() == 250 || is_about_parameters(reply) {
        return Some(Tried::no(trial, words));
    }
    if is_about_size {
        return Some(Tried::yes(trial, words));
    }
    of_mail(trial, words, reply, lacks_login)
}

fn of_chunk(words: String, reply: &Reply, is_whole: bool) -> Tried {
    match reply.code() {
        500 | 502 => Tried::no(Trial::Chunking, words),
        250 => Tried::yes(Trial::Chunking, words),
        503 | 501 | 504 | 554 if !is_whole => Tried::yes(Trial::Chunking, words),
        _ => Tried::unknown(Trial::Chunking, words),
    }
}

/// RSET, RSET and NOOP have to be taken; of MAIL it is enough that it is answered.
fn of_group(replies: &[Reply]) -> Tried {
    let words: Vec<String> = replies.iter().map(ToString::to_string).collect();
    let words = format!("RSET, MAIL, RSET, NOOP: {}", words.join(" / "));
    let is_good = |at: usize| replies.get(at).is_some_and(|reply| reply.code() == 250);
    match is_good(0) && is_good(2) && is_good(3) {
        true => Tried::yes(Trial::Pipelining, words),
        false if replies.iter().any(Reply::is_transient) => {
            Tried::unknown(Trial::Pipelining, words)
        }
        false => Tried::no(Trial::Pipelining, words),
    }
}

/// RFC 2034 section 4: every reply of 2yz, 4yz and 5yz but to EHLO has one.
fn of_codes(replies: &[Reply]) -> Option<Tried> {
    let trial = Trial::EnhancedCodes;
    let wanted =
        |reply: &&Reply| reply.is_positive() || reply.is_transient() || reply.is_permanent();
    let first = replies.iter().find(wanted)?;
    match replies.iter().filter(wanted).find(|reply| reply.enhanced_code().is_none()) {
        None => Some(Tried::yes(trial, first.to_string())),
        Some(bare) => Some(Tried::no(trial, bare.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::facts::Taken;

    #[test]
    fn replies_are_told_apart() {
        let of = |code, lacks_login| {
            let reply = Reply::new(code, "x");
            of_mail(Trial::Utf8, "SMTPUTF8".into(), &reply, lacks_login).map(|tried| tried.taken)
        };
        assert!(matches!(of(250, false), Some(Taken::Yes { .. })));
        assert!(matches!(of(555, false), Some(Taken::No { .. })));
        assert!(matches!(of(451, true), Some(Taken::Unknown { .. })));
        assert!(of(530, true).is_none());
        assert!(matches!(of(550, false), Some(Taken::Unknown { .. })));
        let size = |reply: &Reply| of_size("SIZE".into(), reply, false).map(|tried| tried.taken);
        assert!(matches!(size(&Reply::new(552, "x")), Some(Taken::Yes { .. })));
        assert!(matches!(size(&Reply::enhanced(550, (5, 3, 4), "x")), Some(Taken::Yes { .. })));
        assert!(matches!(size(&Reply::new(250, "x")), Some(Taken::No { .. })));
        assert!(matches!(size(&Reply::new(452, "x")), Some(Taken::Unknown { .. })));
        let chunk =
            |code, is_whole| of_chunk("BDAT".into(), &Reply::new(code, "x"), is_whole).taken;
        assert!(matches!(chunk(250, true), Taken::Yes { .. }));
        assert!(matches!(chunk(503, false), Taken::Yes { .. }));
        assert!(matches!(chunk(503, true), Taken::Unknown { .. }));
        assert!(matches!(chunk(502, true), Taken::No { .. }));
        let ok = || Reply::enhanced(250, (2, 0, 0), "ok");
        let bad = || Reply::new(503, "no pipelining here");
        assert!(matches!(of_group(&[ok(), ok(), ok(), ok()]).taken, Taken::Yes { .. }));
        assert!(matches!(of_group(&[ok(), bad(), ok(), ok()]).taken, Taken::Yes { .. }));
        assert!(matches!(of_group(&[ok(), ok(), bad(), ok()]).taken, Taken::No { .. }));
        assert!(matches!(of_codes(&[ok()]).map(|it| it.taken), Some(Taken::Yes { .. })));
        assert!(matches!(of_codes(&[ok(), bad()]).map(|it| it.taken), Some(Taken::No { .. })));
        assert!(of_codes(&[]).is_none());
    }
    #[test]
    fn limits_are_read() {
        let of = |line: &str| size(&Offer { lines: vec![line.into()], ..Offer::default() });
        assert_eq!(of("SIZE 1000"), Some(1000));
        assert_eq!(of("size 1000 "), Some(1000));
        assert_eq!(
            (of("SIZE 0"), of("SIZE"), of("SIZE x"), of("SIZES 7")),
            (None, None, None, None)
        );
    }

    #[test]
    fn users_ask_by_their_own_address() {
        assert_eq!(Who::user("ann@example.org").sender, "<ann@example.org>");
        for name in ["ann", "a b@example.org", "ann@exa>mple.org", "@example.org", "a\r\n@b"] {
            assert_eq!(Who::user(name).sender, "<>", "{name}");
        }
    }

    /// Commands and what they are answered (nothing for an empty answer); what is not there closes
    /// the connection.
    async fn with(answers: &[(&str, &str)], offered: &[&str]) -> Vec<Tried> {
        let (client, mut server) = crate::net::Wire::duplex(64 * 1024);
        let serve = async {
            while let Ok(length) = server.line(4096).await {
                let line = String::from_utf8_lossy(&server.buffered()[..length]).into_owned();
                server.consume(length);
                let Some((_, answer)) = answers.iter().find(|(start, _)| line.starts_with(start))
                else {
                    break;
                };
                if answer.is_empty() {
                    continue;
                }
                server.queue(format!("{answer}\r\n").as_bytes());
                if server.flush().await.is_err() {
                    break;
                }
            }
            drop(server);
        };
        let ask = async {
            let mut talk = Dialogue::new(client, Protocol::Smtp);
            let lines = offered.iter().map(|line| (*line).to_owned()).collect();
            let offer = Offer { extended: true, lines, ..Offer::default() };
            extensions(&mut talk, &offer, &Who::nobody(Role::Mx), true).await
        };
        tokio::join!(ask, serve).0
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_left_unasked_is_unknown() {
        let offered = [
            "8BITMIME",
            "SMTPUTF8",
            "REQUIRETLS",
            "SIZE 7",
            "PIPELINING",
            "CHUNKING",
            "ENHANCEDSTATUSCODES",
        ];
        let refused: [(&str, &str); 2] = [("MAIL", "250 2.1.0 ok"), ("RSET", "502 5.5.1 what")];
        let gone: [(&str, &str); 1] = [("MAIL", "250 2.1.0 ok")];
        for answers in [&refused[..], &gone] {
            let tried = with(answers, &offered).await;
            for trial in [
                Trial::EightBit,
                Trial::Utf8,
                Trial::RequireTls,
                Trial::SizeKept,
                Trial::Pipelining,
                Trial::Chunking,
            ] {
                let found = tried.iter().find(|tried| tried.trial == trial);
                let found = found.unwrap_or_else(|| panic!("{trial:?}: {tried:?}"));
                assert!(matches!(found.taken, Taken::Unknown { .. }), "{found:?}");
            }
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_chunk_is_really_sent_and_given_up() {
        let answers = [
            ("MAIL", "250 2.1.0 ok"),
            ("RCPT", "250 2.1.5 ok"),
            ("BDAT 6", "250 2.0.0 six octets"),
            // The chunk has no answer of its own.
            ("NOOP", ""),
            ("RSET", "250 2.0.0 ok"),
        ];
        let tried = with(&answers, &["CHUNKING"]).await;
        assert_eq!(tried, [Tried::yes(Trial::Chunking, "BDAT 6: 250 2.0.0 six octets")]);
    }
}
