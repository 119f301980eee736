//! Whatever a server sends: the decoder must neither panic nor change its mind, and what it
//! understood must survive being encoded; nor may the reading of EHLO's reply panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::base::decode::Decoded;
use pillarbox::smtp::syntax::command::challenge;
use pillarbox::smtp::syntax::ehlo::Capabilities;
use pillarbox::smtp::syntax::reply::Reply;

fuzz_target!(|data: &[u8]| {
    let Ok(Decoded::Done { value, used }) = Reply::decode(data) else { return };
    for end in [used / 3, used / 2, used - 1] {
        assert_eq!(Reply::decode(&data[..end]), Ok(Decoded::More));
    }
    let mut octets = Vec::new();
    value.encode(&mut octets).expect("what was read can be written");
    let again = Decoded::Done { value: value.clone(), used: octets.len() };
    assert_eq!(Reply::decode(&octets), Ok(again), "{}", octets.escape_ascii());
    let _ = (value.text(), value.enhanced_code(), value.to_string());
    let _ = value.lines().last().map(challenge);
    let all = Capabilities::from_reply(&value);
    assert_eq!(Capabilities::from_reply(&all.to_reply()), all);
});
