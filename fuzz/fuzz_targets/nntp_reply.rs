//! Whatever an NNTP server sends: the decoders must neither panic nor change their mind, and what
//! they understood must survive being encoded. A wildmat matches in bounded time.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::base::decode::Decoded;
use pillarbox::nntp::syntax::capability::Capabilities;
use pillarbox::nntp::syntax::listing::{Active, description};
use pillarbox::nntp::syntax::overview::{Overview, format_name};
use pillarbox::nntp::syntax::reply::Reply;
use pillarbox::nntp::syntax::wildmat::Wildmat;

fuzz_target!(|data: &[u8]| {
    let mut all = Capabilities::default();
    let mut names: Vec<String> = Vec::new();
    for line in data.split(|octet| *octet == b'\n') {
        all.add(line);
        let _ = (description(line), format_name(line));
        for counted in [false, true] {
            if let Some(active) = Active::parse(line, counted) {
                let again = Active::parse(active.to_string().as_bytes(), counted);
                assert_eq!(again.as_ref(), Some(&active));
                names.push(active.name);
            }
        }
        if let Some(overview) = Overview::parse(line) {
            let mut written = Vec::new();
            overview.write(&mut written);
            let again = Overview::parse(&written).expect("what was written is read");
            assert_eq!(again.fields.len(), overview.fields.len());
        }
        if let Some(wildmat) = std::str::from_utf8(line).ok().and_then(Wildmat::new) {
            for name in &names {
                let _ = wildmat.matches(name);
            }
        }
    }
    let mut again = Capabilities::default();
    for line in all.lines() {
        again.add(line.as_bytes());
    }
    assert_eq!(again, all);
    let Ok(Decoded::Done { value, used }) = Reply::decode(data) else { return };
    for end in [used / 3, used / 2, used - 1] {
        assert_eq!(Reply::decode(&data[..end]), Ok(Decoded::More));
    }
    let _ = (value.group(), value.article(), value.date(), value.challenge());
    let mut octets = Vec::new();
    value.encode(&mut octets).expect("what was read can be written");
    let again = Decoded::Done { value, used: octets.len() };
    assert_eq!(Reply::decode(&octets), Ok(again), "{}", octets.escape_ascii());
});
