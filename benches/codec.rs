//! How fast responses decode, beside another codec and beside a bare scan for line ends, which
//! is as fast as reading can be.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder;
use pillarbox::base::decode::Decoded;
use pillarbox::imap::syntax::encode::{Encoder, Literals};
use pillarbox::imap::syntax::fetch::{self, Fetch};
use pillarbox::imap::syntax::flag::{Flag, Flags};
use pillarbox::imap::syntax::frame::{Framer, Step};
use pillarbox::imap::syntax::response::{self, Data, Response};
use pillarbox::imap::syntax::{SeqNum, Uid};

fn main() {
    divan::main();
}

const MESSAGES: u32 = 10_000;

fn flags_listing() -> Vec<u8> {
    let lists = [&b"\\Seen"[..], b"", b"\\Answered \\Seen", b"\\Seen $Forwarded NonJunk"];
    let mut octets = Vec::new();
    for i in 1..=MESSAGES {
        octets.extend_from_slice(format!("* {i} FETCH (UID {} FLAGS (", i * 3).as_bytes());
        octets.extend_from_slice(lists[i as usize % lists.len()]);
        octets.extend_from_slice(b"))\r\n");
    }
    octets
}

fn literal_response() -> Vec<u8> {
    let mut octets = b"* 1 FETCH (UID 42 BODY[] {1048576}\r\n".to_vec();
    octets.extend((0..1_048_576u32).map(|i| if i % 78 == 77 { b'\n' } else { b'a' }));
    octets.extend_from_slice(b" FLAGS (\\Seen))\r\n");
    octets
}

/// The sum of all UIDs that carry \Seen, so that nothing can be left undone.
fn seen(fetch: &Fetch<'_>) -> u64 {
    let seen = fetch.flags.as_ref().is_some_and(|flags| flags.contains(&Flag::Seen));
    fetch.uid.filter(|_| seen).map_or(0, |uid| u64::from(uid.0))
}

mod flags {
    use super::*;

    #[divan::bench]
    fn pillarbox(bencher: Bencher) {
        let octets = flags_listing();
        bencher.counter(BytesCount::of_slice(&octets)).bench(|| {
            let (mut framer, mut rest, mut sum) = (Framer::responses(), &octets[..], 0);
            while let Ok(Step::Complete { len }) = framer.step(rest) {
                let decoded = response::decode(&rest[..len]);
                if let Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) =
                    &decoded
                {
                    sum += seen(fetch);
                }
                rest = &rest[len..];
            }
            assert!(rest.is_empty());
            black_box(sum)
        });
    }

    #[divan::bench]
    fn imap_codec(bencher: Bencher) {
        let octets = flags_listing();
        bencher.counter(BytesCount::of_slice(&octets)).bench(|| {
            let (codec, mut rest, mut count) = (ResponseCodec::new(), &octets[..], 0);
            while !rest.is_empty() {
                let (tail, response) = codec.decode(rest).expect("a valid response");
                black_box(&response);
                count += 1;
                rest = tail;
            }
            assert_eq!(count, MESSAGES);
        });
    }

    #[divan::bench]
    fn memchr_lines(bencher: Bencher) {
        let octets = flags_listing();
        bencher.counter(BytesCount::of_slice(&octets)).bench(|| {
            let (mut rest, mut count) = (&octets[..], 0);
            while let Some(i) = memchr::memchr(b'\n', rest) {
                black_box(&rest[..i]);
                count += 1;
                rest = &rest[i + 1..];
            }
            assert_eq!(count, MESSAGES);
        });
    }

    #[divan::bench]
    fn pillarbox_encode(bencher: Bencher) {
        bencher.bench(|| {
            let mut out = Encoder::new(Literals::Server, false);
            for i in 1..=MESSAGES {
                Data::Fetch(Fetch {
                    seq: SeqNum(i),
                    uid: Some(Uid(i * 3)),
                    flags: Some(Flags::from_flags([Flag::Seen, Flag::Answered])),
                    ..Fetch::default()
                })
                .encode(&mut out);
            }
            black_box(out.finish())
        });
    }
}

mod literal_of_1_mib {
    use super::*;

    /// As the client does it: the head is decoded, the literal handed on in the pieces that a
    /// socket gives, and the rest decoded.
    #[divan::bench]
    fn pillarbox(bencher: Bencher) {
        let octets = literal_response();
        bencher.counter(BytesCount::of_slice(&octets)).bench(|| {
            let mut framer = Framer::responses();
            let Ok(Step::Literal { head, len, .. }) = framer.step(&octets[..16_384]) else {
                panic!("no literal found")
            };
            let mut held = octets[..head].to_vec();
            assert!(matches!(fetch::head(&held), Ok(Some(found)) if found.len == len));
            let (body, rest) = octets[head..].split_at(len as usize);
            for piece in body.chunks(16_384) {
                black_box(piece);
            }
            assert_eq!(framer.step(rest), Ok(Step::Complete { len: rest.len() }));
            held.extend_from_slice(rest);
            assert!(matches!(response::decode(&held), Ok(Decoded::Done { .. })));
        });
    }

    #[divan::bench]
    fn imap_codec(bencher: Bencher) {
        let octets = literal_response();
        bencher.counter(BytesCount::of_slice(&octets)).bench(|| {
            let (rest, response) = ResponseCodec::new().decode(&octets).expect("a valid response");
            assert!(rest.is_empty());
            black_box(&response);
        });
    }

    #[divan::bench]
    fn memchr_lines(bencher: Bencher) {
        let octets = literal_response();
        bencher
            .counter(BytesCount::of_slice(&octets))
            .bench(|| black_box(memchr::memchr_iter(b'\n', &octets).count()));
    }
}
