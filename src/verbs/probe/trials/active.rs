//! What only the active tier asks, of servers that were named: commands behind STARTTLS
//! (CVE-2011-0411), speaking before the greeting, VRFY and EXPN, and relaying by the address
//! forms that open relays are known to take (RFC 5321 sections 3.5, 7.3 and 7.9; RFC 3207
//! section 6). No message is begun: RSET stands behind every recipient that is taken.

use super::{smuggling, untold};
use crate::net::tls::Connector;
use crate::open::own_name;
use crate::smtp::syntax::reply::Reply;
use crate::verbs::probe::budget::Permit;
use crate::verbs::probe::dialogue::Dialogue;
use crate::verbs::probe::endpoint::{Manner, Way};
use crate::verbs::probe::facts::{Endpoint, Protocol, Role, Start, Stop, StopKind, Trial, Tried};
use crate::verbs::probe::plan::Tier;
use crate::verbs::probe::timing::Phase;

const PHASE: Phase = Phase::Capabilities;

/// A domain that no mail is for (RFC 2606 section 3), at which relaying is tried.
const ELSEWHERE: &str = "example.com";

/// All that the tier allows.
pub async fn active(
    known: &Endpoint,
    way: &Way<'_>,
    connector: Option<&Connector>,
    manner: &Manner<'_>,
) -> Vec<Tried> {
    if manner.tier < Tier::Active || known.session.greeting.is_none() {
        return Vec::new();
    }
    let mut tried = Vec::new();
    if let Some(connector) = connector
        && known.service.tls == Start::Starttls
    {
        tried.push(injection(way, connector).await);
    }
    if known.service.protocol == Protocol::Smtp {
        if known.service.tls != Start::Implicit {
            tried.push(early_talker(way).await);
        }
        tried.extend(names(way, connector).await);
        if known.service.role == Role::Mx {
            tried.push(relay(known, way, connector).await);
        }
        if manner.tier == Tier::Intrusive && known.service.role == Role::Mx {
            tried.push(smuggling::smuggling(way, connector).await);
        }
    }
    tried
}

/// A command in the clear behind STARTTLS must be forgotten: under TLS the only answer may be
/// the one to the last word.
async fn injection(way: &Way<'_>, connector: &Connector) -> Tried {
    let trial = Trial::Injection;
    match inject(way, connector).await {
        Ok(tried) => tried,
        Err(stop) => untold(trial, &stop),
    }
}

async fn inject(way: &Way<'_>, connector: &Connector) -> Result<Tried, Stop> {
    let trial = Trial::Injection;
    let line = way.connect().await?;
    let mut talk = Dialogue::new(line.wire, way.service.protocol);
    talk.greeting().await?;
    let (words, last): (&[u8], &[u8]) = match way.service.protocol {
        Protocol::Smtp | Protocol::Lmtp => {
            talk.offer(Phase::Hello).await?;
            (b"STARTTLS\r\nNOOP\r\n", b"QUIT\r\n")
        }
        Protocol::Imap => (b"i1 STARTTLS\r\ni2 NOOP\r\n", b"i3 LOGOUT\r\n"),
        Protocol::Pop3 => (b"STLS\r\nCAPA\r\n", b"QUIT\r\n"),
    };
    let mut wire = talk.into_wire();
    let failed = |error: crate::net::Error| Stop::of(Phase::Starttls, &error);
    wire.queue(words);
    wire.flush().await.map_err(failed)?;
    let length = wire.line(LINE_OCTETS).await.map_err(failed)?;
    let go = String::from_utf8_lossy(wire.buffered()[..length].trim_ascii_end()).into_owned();
    wire.consume(length);
    let is_go = ["220", "i1 OK", "+OK"].iter().any(|start| go.starts_with(start));
    if !is_go {
        return Ok(Tried::no(trial, format!("refused: {go}")));
    }
    if !wire.buffered().is_empty() {
        return Ok(Tried::no(trial, "what stood behind STARTTLS was answered in the clear"));
    }
    if let Err(error) = wire.start_tls(connector).await {
        // The server took the command for a ClientHello: it was not kept.
        return Ok(match error.is_tls() || error.is_closed() {
            true => Tried::no(trial, format!("the connection ends: {error}")),
            false => Tried::unknown(trial, error.to_string()),
        });
    }
    wire.queue(last);
    wire.flush().await.map_err(failed)?;
    let length = match wire.line(LINE_OCTETS).await {
        Ok(length) => length,
        Err(error) if error.is_closed() => {
            return Ok(Tried::no(trial, "the server hung up"));
        }
        Err(error) => return Err(failed(error)),
    };
    let first = String::from_utf8_lossy(wire.buffered()[..length].trim_ascii_end()).into_owned();
    let is_answered = match way.service.protocol {
        Protocol::Smtp | Protocol::Lmtp => first.starts_with("250"),
        Protocol::Imap => first.starts_with("i2 "),
        // CAPA has lines behind its first, QUIT has none.
        Protocol::Pop3 => {
            wire.consume(length);
            wire.line(LINE_OCTETS).await.is_ok()
        }
    };
    let words = format!("the first words under TLS: {first}");
    Ok(if is_answered { Tried::yes(trial, words) } else { Tried::no(trial, words) })
}

/// Longest line of an answer, in octets.
const LINE_OCTETS: usize = 4096;

/// How often a server is spoken to before its greeting: it may greet before it sees that.
const EARLY_TRIES: u32 = 3;

/// Says EHLO before the greeting: a sender that does so is mostly a machine that sends spam. A
/// server that turns us away once does what it should.
async fn early_talker(way: &Way<'_>) -> Tried {
    let trial = Trial::EarlyTalker;
    let (mut served, mut hang_ups) = (None, 0);
    for _ in 0..EARLY_TRIES {
        match talk_early(way).await {
            Ok(replies) => {
                let words: Vec<String> =
                    replies.iter().map(|reply| first_line(&reply.to_string())).collect();
                let words = words.join(" / ");
                if !replies.iter().all(Reply::is_positive) {
                    return Tried::no(trial, words);
                }
                served = Some(words);
            }
            Err(stop) if stop.is_certain() || stop.kind == StopKind::Later => {
                return Tried::no(trial, stop.detail);
            }
            // What it did not read makes a reset of its end, by which its words may be lost.
            Err(stop) if stop.kind == StopKind::HungUp => {
                hang_ups += 1;
                if hang_ups > 1 {
                    return Tried::no(trial, "the server hangs up, time and again");
                }
            }
            Err(stop) => return untold(trial, &stop),
        }
    }
    match served {
        Some(words) if hang_ups == 0 => Tried::yes(trial, words),
        _ => Tried::unknown(trial, "it is served at times, and at times not"),
    }
}

async fn talk_early(way: &Way<'_>) -> Result<Vec<Reply>, Stop> {
    let line = way.connect().await?;
    let mut talk = Dialogue::new(line.wire, way.service.protocol);
    let hello = format!("EHLO {}\r\n", own_name());
    talk.say(Phase::Banner, hello.as_bytes(), 2).await
}

/// VRFY and EXPN of the one name that every server has.
async fn names(way: &Way<'_>, connector: Option<&Connector>) -> Vec<Tried> {
    let asked: [(Trial, &[u8]); 2] =
        [(Trial::Verify, b"VRFY postmaster\r\n"), (Trial::Expand, b"EXPN postmaster\r\n")];
    let (mut talk, _permit) = match way.to_talk(connector).await {
        Ok(talk) => talk,
        Err(stop) => return asked.map(|(trial, _)| untold(trial, &stop)).to_vec(),
    };
    let mut tried = Vec::new();
    for (trial, line) in asked {
        tried.push(match talk.say(PHASE, line, 1).await {
            Err(stop) => untold(trial, &stop),
            Ok(replies) => match replies.first() {
                // RFC 5321 section 3.5.3: 252 says neither yes nor no.
                Some(reply) if matches!(reply.code(), 250 | 251) => {
                    Tried::yes(trial, reply.to_string())
                }
                Some(reply) if reply.is_transient() => Tried::unknown(trial, reply.to_string()),
                Some(reply) => Tried::no(trial, reply.to_string()),
                None => Tried::unknown(trial, "no reply"),
            },
        });
    }
    talk.leave().await;
    tried
}

/// One form of addresses: sender, recipient, and whether the recipient looks like one of the
/// server's own, which proves nothing where it takes any name.
struct Form {
    from: String,
    to: String,
    is_local: bool,
}

/// The forms that open relays are known by.
fn forms(host: &str, address: Option<&str>) -> Vec<Form> {
    let far = format!("pillarbox-probe@{ELSEWHERE}");
    let sender = format!("<pillarbox-probe@{ELSEWHERE}>");
    let own = format!("<postmaster@{host}>");
    let form = |from: &str, to: String, is_local| Form { from: from.to_owned(), to, is_local };
    let mut forms = vec![
        form(&sender, format!("<{far}>"), false),
        form("<>", format!("<{far}>"), false),
        form(&own, format!("<{far}>"), false),
        form(&sender, format!("<\"{far}\">"), false),
        form(&sender, format!("<pillarbox-probe%{ELSEWHERE}>"), false),
        form(&sender, format!("<{ELSEWHERE}!pillarbox-probe>"), false),
        form(&sender, format!("<@{host}:{far}>"), false),
        form(&sender, format!("<pillarbox-probe%{ELSEWHERE}@{host}>"), true),
        form(&sender, format!("<\"{far}\"@{host}>"), true),
        form(&sender, format!("<{far}@{host}>"), true),
        form(&sender, format!("<{ELSEWHERE}!pillarbox-probe@{host}>"), true),
    ];
    if let Some(address) = address {
        forms.push(form(&sender, format!("<@[{address}]:{far}>"), false));
        forms.push(form(&sender, format!("<pillarbox-probe%{ELSEWHERE}@[{address}]>"), true));
        forms.push(form(&sender, format!("<{far}@[{address}]>"), true));
        forms.push(form(&sender, format!("<{ELSEWHERE}!pillarbox-probe@[{address}]>"), true));
        forms.push(form(&format!("<postmaster@[{address}]>"), format!("<{far}>"), false));
    }
    // Those of one sender behind each other: they need only one MAIL.
    forms.sort_by(|one, other| one.from.cmp(&other.from));
    forms
}

async fn relay(known: &Endpoint, way: &Way<'_>, connector: Option<&Connector>) -> Tried {
    let trial = Trial::Relay;
    let mut line = match Envelopes::open(way, connector).await {
        Ok(line) => line,
        Err(stop) => return untold(trial, &stop),
    };
    let address = known.addresses.iter().find_map(|address| address.ip).map(|ip| match ip {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("IPv6:{ip}"),
    });
    let host = known.host.trim_end_matches('.');
    // A name that nobody has: a server that takes it takes anything in front of its own @.
    let nobody = format!("<pillarbox-probe-4f1d9c@{host}>");
    let (mut refused, mut put_off, mut taken) = (0, Vec::new(), Vec::new());
    let takes_any = match line.ask("<>", &nobody).await {
        Ok(Some(reply)) => {
            if reply.is_later {
                put_off.push(reply.words);
            }
            reply.is_ok
        }
        Ok(None) => false,
        Err(stop) => return untold(trial, &stop),
    };
    let forms = forms(host, address.as_deref());
    let mut left = forms.iter().filter(|form| !(form.is_local && takes_any)).peekable();
    while let Some(form) = left.peek() {
        match line.ask(&form.from, &form.to).await {
            Ok(Some(reply)) if reply.is_ok => {
                taken.push(format!("MAIL FROM:{} RCPT TO:{}: {}", form.from, form.to, reply.words));
            }
            Ok(Some(reply)) if reply.is_later => put_off.push(reply.words),
            Ok(Some(_)) | Ok(None) => refused += 1,
            // A server that has enough of us may say more to another connection.
            Err(stop) if line.asked > 0 && stop.kind == StopKind::HungUp => {
                match Envelopes::open(way, connector).await {
                    Ok(again) => line = again,
                    Err(stop) => {
                        put_off.push(stop.detail);
                        break;
                    }
                }
                continue;
            }
            Err(stop) => {
                put_off.push(stop.detail);
                break;
            }
        }
        left.next();
    }
    line.talk.leave().await;
    if !taken.is_empty() {
        return Tried::yes(trial, taken.join("; "));
    }
    match put_off.first() {
        Some(why) => Tried::unknown(trial, format!("{refused} forms refused, then: {why}")),
        None => Tried::no(trial, format!("{refused} forms of addresses refused")),
    }
}

struct Answered {
    is_ok: bool,
    is_later: bool,
    words: String,
}

impl Answered {
    fn of(reply: &Reply) -> Self {
        Self {
            is_ok: reply.is_positive(),
            is_later: reply.is_transient(),
            words: reply.to_string(),
        }
    }
}

/// A connection on which one recipient after the other is asked for. RSET is said only where it
/// has to be: Exim hangs up behind ten commands that bring no mail on.
struct Envelopes {
    talk: Dialogue,
    _permit: Permit,
    /// The sender of the transaction that stands open; it has no recipient.
    sender: Option<String>,
    /// How many recipients had an answer here.
    asked: usize,
}

impl Envelopes {
    async fn open(way: &Way<'_>, connector: Option<&Connector>) -> Result<Self, Stop> {
        let (talk, permit) = way.to_talk(connector).await?;
        Ok(Self { talk, _permit: permit, sender: None, asked: 0 })
    }

    /// What RCPT is answered, or MAIL where that is put off. `None`: MAIL was refused already.
    async fn ask(&mut self, from: &str, to: &str) -> Result<Option<Answered>, Stop> {
        if self.sender.as_deref() != Some(from) {
            if self.sender.take().is_some() {
                self.talk.say(PHASE, b"RSET\r\n", 1).await?;
            }
            let line = format!("MAIL FROM:{from}\r\n");
            let mail = self.talk.say(PHASE, line.as_bytes(), 1).await?;
            let refused = mail.first().filter(|reply| !reply.is_positive());
            if refused.is_some() || mail.is_empty() {
                self.asked += 1;
                // A sender who is put off is none who was refused.
                return Ok(refused.filter(|reply| reply.is_transient()).map(Answered::of));
            }
            self.sender = Some(from.to_owned());
        }
        let rcpt = self.talk.say(PHASE, format!("RCPT TO:{to}\r\n").as_bytes(), 1).await?;
        let answered = rcpt.first().map(Answered::of);
        self.asked += 1;
        if answered.as_ref().is_some_and(|reply| reply.is_ok) {
            // Nothing may be sent to somebody who was taken.
            self.sender = None;
            self.talk.say(PHASE, b"RSET\r\n", 1).await?;
        }
        Ok(answered)
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_tried_by_the_known_forms() {
        let all = forms("mx.example", Some("192.0.2.1"));
        assert_eq!(all.len(), 16);
        assert!(all.iter().any(|form| form.to == "<pillarbox-probe%example.com@[192.0.2.1]>"));
        assert!(all.iter().any(|form| form.to == "<@mx.example:pillarbox-probe@example.com>"));
        // Only reserved names and the server's own stand in them.
        for form in all {
            for part in [form.from, form.to] {
                assert!(
                    part == "<>" || part.contains("example.com") || part.contains("postmaster@"),
                    "{part}"
                );
            }
        }
    }
}
