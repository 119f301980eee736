//! Whatever a client sends: the decoder must neither panic nor change its mind, and what it
//! understood must survive being encoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::base::decode::Decoded;
use pillarbox::imap::syntax::command;
use pillarbox::imap::syntax::encode::{Encoder, Literals};
use pillarbox::imap::syntax::frame::{Framer, Step};

fuzz_target!(|data: &[u8]| {
    let mut framer = Framer::commands();
    let mut rest = data;
    loop {
        match framer.step(rest) {
            Ok(Step::Complete { len }) => rest = &rest[len..],
            Ok(Step::Literal { head, .. }) => rest = &rest[head..],
            Ok(Step::Continue { .. }) => {}
            Ok(Step::More) | Err(_) => break,
        }
    }
    let _ = command::tag(data);
    let Ok(Decoded::Done { value, used }) = command::decode(data) else { return };
    for end in [used / 3, used / 2, used - 1] {
        assert!(matches!(command::decode(&data[..end]), Ok(Decoded::More)));
    }
    let mut out = Encoder::new(Literals::Plus, true);
    value.encode(&mut out);
    let Ok(encoded) = out.finish() else { return };
    assert_eq!(
        command::decode(&encoded.octets),
        Ok(Decoded::Done { value, used: encoded.octets.len() }),
        "{}",
        encoded.octets.escape_ascii()
    );
});
