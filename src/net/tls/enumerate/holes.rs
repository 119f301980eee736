//! Two known holes that a few raw octets show: Heartbleed (CVE-2014-0160, RFC 6520 section 4)
//! and the acceptance of a ChangeCipherSpec before there are keys (CVE-2014-0224).
//!
//! Both are asked behind a server's first flight. Of what a leaking server sends only the
//! length is looked at. Nothing is changed at the server; it ends the connection by an alert.

use super::answer::alert;
use crate::net::Error;
use crate::net::wire::Wire;

/// Whether a hole is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hole {
    /// It is; what showed it.
    Open(String),
    /// It is not; what showed that.
    Closed(String),
    /// Nobody can tell.
    Unknown(String),
}

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
const HEARTBEAT: u8 = 24;

/// Records that are read until there is a verdict.
pub(super) const RECORDS: usize = 32;

/// What came next on a connection.
pub(super) enum Next {
    Record { kind: u8, body: Vec<u8> },
    Closed,
}

/// Sends a heartbeat that claims to be longer than it is, and a message that makes any server
/// answer. A sound server drops the first and answers the second.
pub async fn heartbleed(wire: &mut Wire, version: u16) -> Hole {
    let [major, minor] = version.to_be_bytes();
    // A request of no octets that claims 16 KiB less some; then a Finished out of turn.
    let request = [HEARTBEAT, major, minor, 0, 3, 1, 0x3f, 0xff];
    let finished = [HANDSHAKE, major, minor, 0, 4, 20, 0, 0, 0];
    if let Err(error) = say(wire, &[&request[..], &finished].concat()).await {
        return unless_closed(&error);
    }
    for _ in 0..RECORDS {
        match next(wire).await {
            Ok(Next::Record { kind: HEARTBEAT, body }) => {
                return Hole::Open(format!("a heartbeat of no octets brought {}", body.len()));
            }
            Ok(Next::Record { kind: ALERT, body }) => return Hole::Closed(words(&body)),
            Ok(Next::Record { .. }) => {}
            Ok(Next::Closed) => return Hole::Closed("the server hung up".into()),
            Err(error) => return Hole::Unknown(error.to_string()),
        }
    }
    Hole::Unknown("the server goes on as if nothing had been said".into())
}

/// Sends two ChangeCipherSpec before any key was agreed on. A sound server refuses the first as
/// out of turn (unexpected_message); one with the hole takes it, and cannot decrypt the second.
pub async fn early_change(wire: &mut Wire, version: u16) -> Hole {
    let [major, minor] = version.to_be_bytes();
    let change = [CHANGE_CIPHER_SPEC, major, minor, 0, 1, 1];
    if let Err(error) = say(wire, &[change, change].concat()).await {
        return unless_closed(&error);
    }
    for _ in 0..RECORDS {
        match next(wire).await {
            // bad_record_mac, decryption_failed, decrypt_error: it has made keys of nothing.
            Ok(Next::Record { kind: ALERT, body }) => {
                let is_taken = matches!(body.as_slice(), [_, 20 | 21 | 51]);
                let words = words(&body);
                return if is_taken { Hole::Open(words) } else { Hole::Closed(words) };
            }
            Ok(Next::Record { .. }) => {}
            Ok(Next::Closed) => return Hole::Closed("the server hung up".into()),
            Err(error) => return Hole::Unknown(error.to_string()),
        }
    }
    Hole::Unknown("the server goes on as if nothing had been said".into())
}

/// A server that hung up while we spoke has refused what we said.
fn unless_closed(error: &Error) -> Hole {
    match error.is_closed() {
        true => Hole::Closed("the server hung up".into()),
        false => Hole::Unknown(error.to_string()),
    }
}

pub(super) fn words(body: &[u8]) -> String {
    match alert(body, 0) {
        Ok(Some(alert)) => alert.to_string(),
        Ok(None) => "a warning".into(),
        Err(_) => "an alert that is none".into(),
    }
}

pub(super) async fn say(wire: &mut Wire, octets: &[u8]) -> Result<(), Error> {
    wire.queue_body(octets);
    wire.flush().await
}

/// The alert that a server ends with, in words, or how else it ends; an error for silence.
pub(super) async fn ending(wire: &mut Wire) -> Result<String, Error> {
    for _ in 0..RECORDS {
        match next(wire).await? {
            Next::Record { kind: ALERT, body } => return Ok(words(&body)),
            Next::Record { .. } => {}
            Next::Closed => return Ok("the server hung up".into()),
        }
    }
    Ok("no end".into())
}

pub(super) async fn next(wire: &mut Wire) -> Result<Next, Error> {
    loop {
        let held = wire.buffered();
        if let Some(head) = held.get(..5) {
            let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
            if let Some(body) = held.get(5..5 + length) {
                let record = Next::Record { kind: head[0], body: body.to_vec() };
                wire.consume_body(5 + length);
                return Ok(record);
            }
        }
        match wire.fill().await {
            Ok(_) => {}
            Err(error) if error.is_closed() => return Ok(Next::Closed),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ask` makes of a server that answers with these octets and hangs up.
    async fn against(answer: &[u8], ask: impl AsyncFnOnce(&mut Wire) -> Hole) -> Hole {
        let (mut near, mut far) = Wire::duplex(1 << 16);
        far.queue(answer);
        far.flush().await.expect("written");
        let listen = async {
            // Until the client has gone: an early end would look like a hang-up.
            let _ = far.shutdown().await;
            while far.fill().await.is_ok() {}
        };
        let (hole, ()) = tokio::join!(
            async {
                let hole = ask(&mut near).await;
                drop(near);
                hole
            },
            listen
        );
        hole
    }

    const UNEXPECTED: [u8; 7] = [21, 3, 3, 0, 2, 2, 10];
    const BAD_MAC: [u8; 7] = [21, 3, 3, 0, 2, 2, 20];

    #[tokio::test(flavor = "current_thread")]
    async fn a_leak_is_told_from_a_refusal() {
        let ask = async |wire: &mut Wire| heartbleed(wire, 0x0303).await;
        let leak = [&[24, 3, 3, 0, 4, 2, 0x3f, 0xff, 1][..], &UNEXPECTED].concat();
        assert!(matches!(against(&leak, ask).await, Hole::Open(_)));
        let ask = async |wire: &mut Wire| heartbleed(wire, 0x0303).await;
        assert_eq!(
            against(&UNEXPECTED, ask).await,
            Hole::Closed("alert unexpected_message".into())
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_early_change_is_taken_or_refused() {
        let ask = async |wire: &mut Wire| early_change(wire, 0x0303).await;
        assert_eq!(against(&BAD_MAC, ask).await, Hole::Open("alert bad_record_mac".into()));
        let ask = async |wire: &mut Wire| early_change(wire, 0x0303).await;
        assert!(matches!(against(&UNEXPECTED, ask).await, Hole::Closed(_)));
        let ask = async |wire: &mut Wire| early_change(wire, 0x0303).await;
        assert_eq!(against(&[], ask).await, Hole::Closed("the server hung up".into()));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn silence_is_no_verdict() {
        let (mut near, far) = Wire::duplex(1 << 16);
        near.set_timeout(std::time::Duration::from_millis(20));
        assert!(matches!(early_change(&mut near, 0x0303).await, Hole::Unknown(_)));
        drop(far);
    }
}
