//! Message data: however it is split, the dot-stuffing machines give the same; what is encoded
//! ends exactly once; and what is decoded was meant.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::smtp::syntax::data::{Decoder, Encoder, LineEnds};

fn encoded(encoder: &Encoder, pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let (mut encoder, mut out) = (encoder.clone(), Vec::new());
    for piece in pieces {
        encoder.push(piece, &mut out).ok()?;
    }
    encoder.finish(&mut out).ok()?;
    Some(out)
}

fn decoded(pieces: &[&[u8]]) -> (Vec<u8>, usize, bool, bool) {
    let (mut decoder, mut out, mut used) = (Decoder::new(), Vec::new(), 0);
    for piece in pieces {
        let pushed = decoder.push(piece, &mut out);
        used += pushed.used;
        if pushed.is_done {
            return (out, used, true, decoder.bare().is_some());
        }
    }
    (out, used, false, decoder.bare().is_some())
}

fuzz_target!(|data: &[u8]| {
    let [first, second, data @ ..] = data else { return };
    let one = usize::from(*first) * data.len() / 256;
    let two = one + usize::from(*second) * (data.len() - one) / 256;
    let pieces = [&data[..one], &data[one..two], &data[two..]];
    assert_eq!(decoded(&pieces), decoded(&[data]));
    for ends in [LineEnds::Canonical, LineEnds::Verbatim, LineEnds::VerbatimUnsafe] {
        for encoder in [Encoder::dotted(ends), Encoder::counted(ends)] {
            assert_eq!(encoded(&encoder, &pieces), encoded(&encoder, &[data]));
        }
    }
    let wire = encoded(&Encoder::dotted(LineEnds::Canonical), &[data]).expect("takes all");
    let text = encoded(&Encoder::counted(LineEnds::Canonical), &[data]).expect("takes all");
    assert_eq!(decoded(&[&wire]), (text, wire.len(), true, false));
    assert!(!decoded(&[&wire[..wire.len() - 1]]).2);
});
