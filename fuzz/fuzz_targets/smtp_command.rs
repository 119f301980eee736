//! Whatever a client sends: the decoder must neither panic nor change its mind, and what it
//! understood must survive being encoded; addresses alone likewise.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::base::decode::Decoded;
use pillarbox::smtp::syntax::command::{AuthResponse, Command};
use pillarbox::smtp::syntax::path::{ForwardPath, Mailbox, ReversePath};

fuzz_target!(|data: &[u8]| {
    if let Ok(mailbox) = Mailbox::parse(data) {
        let mut octets = Vec::new();
        mailbox.encode(&mut octets).expect("what was read can be written");
        assert_eq!(Mailbox::parse(&octets), Ok(mailbox));
    }
    let _ = (ReversePath::decode(data), ForwardPath::decode(data));
    if let Ok(Decoded::Done { value, .. }) = AuthResponse::decode(data) {
        let mut octets = Vec::new();
        value.encode(&mut octets);
        assert_eq!(AuthResponse::decode(&octets), Ok(Decoded::Done { value, used: octets.len() }));
    }
    let Ok(Decoded::Done { value, used }) = Command::decode(data) else { return };
    for end in [used / 3, used / 2, used - 1] {
        assert_eq!(Command::decode(&data[..end]), Ok(Decoded::More));
    }
    let mut octets = Vec::new();
    if value.encode(&mut octets).is_err() {
        assert!(octets.is_empty());
        return;
    }
    assert_eq!(octets.iter().filter(|octet| matches!(octet, b'\r' | b'\n')).count(), 2);
    let again = Decoded::Done { value, used: octets.len() };
    assert_eq!(Command::decode(&octets), Ok(again), "{}", octets.escape_ascii());
});
