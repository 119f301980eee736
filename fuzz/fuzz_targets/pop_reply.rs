//! Whatever a POP3 server sends: the decoders must neither panic nor change their mind, and what
//! they understood must survive being encoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::base::decode::Decoded;
use pillarbox::pop::syntax::capability::Capabilities;
use pillarbox::pop::syntax::multiline::Line;
use pillarbox::pop::syntax::reply::{Reply, numbers, unique_id};

fuzz_target!(|data: &[u8]| {
    let mut all = Capabilities::default();
    for line in data.split(|octet| *octet == b'\n') {
        all.add(line);
        let _ = (numbers(line), unique_id(line));
    }
    let mut again = Capabilities::default();
    for line in all.lines() {
        again.add(line.as_bytes());
    }
    assert_eq!(again, all);
    if let Ok(Decoded::Done { value, used }) = Line::decode(data) {
        assert_eq!(Line::decode(&data[..used - 1]), Ok(Decoded::More));
        let mut octets = Vec::new();
        if value.encode(&mut octets).is_ok() {
            assert_eq!(Line::decode(&octets), Ok(Decoded::Done { value, used: octets.len() }));
        }
    }
    let Ok(Decoded::Done { value, used }) = Reply::decode(data) else { return };
    for end in [used / 3, used / 2, used - 1] {
        assert_eq!(Reply::decode(&data[..end]), Ok(Decoded::More));
    }
    if let Reply::Ok(text) | Reply::Err(text) = &value {
        let _ = (text.code(), text.timestamp(), text.numbers(), text.unique_id());
    }
    let mut octets = Vec::new();
    value.encode(&mut octets).expect("what was read can be written");
    let again = Decoded::Done { value, used: octets.len() };
    assert_eq!(Reply::decode(&octets), Ok(again), "{}", octets.escape_ascii());
});
