//! Whatever an NNTP client sends: the decoder must neither panic nor change its mind, and what it
//! understood must survive being encoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::base::decode::Decoded;
use pillarbox::nntp::syntax::command::{Command, SaslResponse};

fuzz_target!(|data: &[u8]| {
    let _ = SaslResponse::decode(data);
    let Ok(Decoded::Done { value, used }) = Command::decode(data) else { return };
    for end in [used / 3, used / 2, used - 1] {
        assert_eq!(Command::decode(&data[..end]), Ok(Decoded::More));
    }
    let mut octets = Vec::new();
    value.encode(&mut octets).expect("what was read can be written");
    let again = Decoded::Done { value, used: octets.len() };
    assert_eq!(Command::decode(&octets), Ok(again), "{}", octets.escape_ascii());
});
