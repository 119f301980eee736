//! Whatever a server sends: the decoder must neither panic nor change its mind, and what it
//! understood must survive being encoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::base::decode::Decoded;
use pillarbox::imap::syntax::encode::{Encoder, Literals};
use pillarbox::imap::syntax::fetch;
use pillarbox::imap::syntax::frame::{Framer, Step};
use pillarbox::imap::syntax::response::{self, Response};

fn again(response: &Response<'_>) -> Option<Vec<u8>> {
    let mut out = Encoder::new(Literals::Server, true);
    response.encode(&mut out);
    out.finish().ok().map(|encoded| encoded.octets)
}

fuzz_target!(|data: &[u8]| {
    // In two pieces or in one, frames are the same.
    let whole = Framer::responses().step(data);
    let mut framer = Framer::responses();
    let mut step = framer.step(&data[..data.len() / 2]);
    if step == Ok(Step::More) {
        step = framer.step(data);
    }
    assert_eq!(step, whole);
    if let Ok(Step::Literal { head, .. }) = whole {
        let _ = fetch::head(&data[..head]);
    }
    let Ok(Decoded::Done { value, used }) = response::decode(data) else { return };
    for end in [used / 3, used / 2, used - 1] {
        assert!(matches!(response::decode(&data[..end]), Ok(Decoded::More)));
    }
    // What was odd is made regular once, and then stays as it is.
    let Some(first) = again(&value) else { return };
    let Ok(Decoded::Done { value, used }) = response::decode(&first) else {
        panic!("{} is not understood", first.escape_ascii())
    };
    assert_eq!(used, first.len());
    let second = again(&value).expect("what was encoded once can be encoded");
    assert_eq!(first.escape_ascii().to_string(), second.escape_ascii().to_string());
});
