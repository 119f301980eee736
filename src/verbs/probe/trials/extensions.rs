//! Whether an SMTP server does what it offers: MAIL with each parameter and RSET behind it, so
//! that no message begins (RFC 6152, RFC 6531, RFC 3030, RFC 8689, RFC 2920, RFC 2034).

use super::untold;
use crate::smtp::syntax::reply::Reply;
use crate::verbs::probe::dialogue::Dialogue;
use crate::verbs::probe::facts::{Offer, Protocol, Trial, Tried};
use crate::verbs::probe::timing::Phase;

const PHASE: Phase = Phase::Capabilities;

/// Asks for all that is offered, in the conversation as it stands.
pub async fn extensions(talk: &mut Dialogue, offer: &Offer, is_encrypted: bool) -> Vec<Tried> {
    if talk.protocol() != Protocol::Smtp || !offer.extended {
        return Vec::new();
    }
    let mut tried = Vec::new();
    let mut asked: Vec<(Trial, &str, &[u8])> = Vec::new();
    if offer.has("8BITMIME") {
        asked.push((Trial::EightBit, "BODY=8BITMIME", b"MAIL FROM:<> BODY=8BITMIME\r\n"));
    }
    if offer.has("SMTPUTF8") {
        asked.push((Trial::Utf8, "SMTPUTF8", b"MAIL FROM:<> SMTPUTF8\r\n"));
    }
    if offer.has("REQUIRETLS") && is_encrypted {
        asked.push((Trial::RequireTls, "REQUIRETLS", b"MAIL FROM:<> REQUIRETLS\r\n"));
    }
    let mut replies = Vec::new();
    for (trial, parameter, line) in asked {
        match talk.say(PHASE, line, 1).await {
            Ok(answer) => {
                tried.extend(answer.first().and_then(|reply| of_mail(trial, parameter, reply)));
                replies.extend(answer);
            }
            Err(stop) => {
                tried.push(untold(trial, &stop));
                return tried;
            }
        }
        match talk.say(PHASE, b"RSET\r\n", 1).await {
            Ok(answer) => replies.extend(answer),
            Err(_) => return tried,
        }
    }
    if offer.has("CHUNKING") {
        // Without a transaction it can only be out of order (503), or unknown.
        match talk.say(PHASE, b"BDAT 0 LAST\r\n", 1).await {
            Ok(answer) => tried.extend(answer.first().map(of_chunk)),
            Err(stop) => {
                tried.push(untold(Trial::Chunking, &stop));
                return tried;
            }
        }
    }
    if offer.has("PIPELINING") {
        // RFC 2920 section 3.1: only the last of a group may be NOOP.
        match talk.say(PHASE, b"RSET\r\nMAIL FROM:<>\r\nRSET\r\nNOOP\r\n", 4).await {
            Ok(answer) => {
                tried.push(of_group(&answer));
                replies.extend(answer);
            }
            Err(stop) if stop.is_certain() => {
                tried.push(Tried::no(Trial::Pipelining, stop.detail));
                return tried;
            }
            Err(stop) => {
                tried.push(untold(Trial::Pipelining, &stop));
                return tried;
            }
        }
    }
    if offer.has("ENHANCEDSTATUSCODES") {
        if replies.is_empty()
            && let Ok(answer) = talk.say(PHASE, b"RSET\r\n", 1).await
        {
            replies.extend(answer);
        }
        tried.extend(of_codes(&replies));
    }
    tried
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

/// RFC 5321 section 4.1.1.11: 555 and 501 are about parameters, 504 about their values. Any
/// other refusal for good is about the sender, or for lack of a login, and says nothing.
fn of_mail(trial: Trial, parameter: &str, reply: &Reply) -> Option<Tried> {
    let words = format!("MAIL FROM:<> {parameter}: {reply}");
    match reply.code() {
        250 => Some(Tried::yes(trial, words)),
        501 | 504 | 555 | 500 => Some(Tried::no(trial, words)),
        _ if reply.is_permanent() => None,
        _ => Some(Tried::unknown(trial, words)),
    }
}

fn of_chunk(reply: &Reply) -> Tried {
    let words = format!("BDAT 0 LAST: {reply}");
    match reply.code() {
        500 | 502 => Tried::no(Trial::Chunking, words),
        503 | 501 | 554 | 250 => Tried::yes(Trial::Chunking, words),
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
        let of = |code| {
            of_mail(Trial::Utf8, "SMTPUTF8", &Reply::new(code, "x")).map(|tried| tried.taken)
        };
        assert!(matches!(of(250), Some(Taken::Yes { .. })));
        assert!(matches!(of(555), Some(Taken::No { .. })));
        assert!(matches!(of(451), Some(Taken::Unknown { .. })));
        assert!(of(530).is_none() && of(550).is_none());
        assert!(matches!(of_chunk(&Reply::new(503, "x")).taken, Taken::Yes { .. }));
        assert!(matches!(of_chunk(&Reply::new(502, "x")).taken, Taken::No { .. }));
        let ok = || Reply::enhanced(250, (2, 0, 0), "ok");
        let bad = || Reply::new(503, "no pipelining here");
        assert!(matches!(of_group(&[ok(), ok(), ok(), ok()]).taken, Taken::Yes { .. }));
        assert!(matches!(of_group(&[ok(), bad(), ok(), ok()]).taken, Taken::Yes { .. }));
        assert!(matches!(of_group(&[ok(), ok(), bad(), ok()]).taken, Taken::No { .. }));
        assert!(matches!(of_codes(&[ok()]).map(|it| it.taken), Some(Taken::Yes { .. })));
        assert!(matches!(of_codes(&[ok(), bad()]).map(|it| it.taken), Some(Taken::No { .. })));
        assert!(of_codes(&[]).is_none());
    }
}
