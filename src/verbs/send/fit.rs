//! A message made fit for the server that takes it, once its extensions are known.
//!
//! What needs no change leaves as it came; a survey of the parts is made only where the scan of
//! the whole message, or its outermost transfer encoding, says that there is something to do.

use super::plan::Plan;
use super::spooled::{Keeper, Spooled};
use crate::base::dot::LineEnds;
use crate::message::dkim::Signer;
use crate::message::downgrade::{self, Rewriter, Survey, Way};
use crate::message::headers::{self, Place};
use crate::smtp::syntax::ehlo::Capabilities;
use crate::smtp::syntax::parameter::BodyType;
use crate::ui::{Exit, Failure};

/// How a message may travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// 8BITMIME.
    pub eight_bit: bool,
    /// BINARYMIME, with the chunks that it needs.
    pub binary: bool,
    /// SMTPUTF8: UTF-8 in the header.
    pub utf8_header: bool,
}

impl Route {
    /// A server's. LMTP has the same extensions.
    pub fn of(server: &Capabilities) -> Self {
        Self {
            eight_bit: server.eight_bit_mime,
            binary: server.binary_mime && server.chunking,
            utf8_header: server.smtputf8,
        }
    }

    /// Of what is no server: a pipe, or a look at what would leave.
    pub const OPEN: Self = Self { eight_bit: true, binary: false, utf8_header: true };
}

/// What the message turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fitted {
    /// `BODY=`; `None` where all is 7bit.
    pub body: Option<BodyType>,
    /// The header has UTF-8 in it.
    pub utf8_header: bool,
}

/// Whether the message says that it holds binary content (RFC 3030 section 3): its outermost
/// encoding has to say so (RFC 2045 section 6.4).
pub fn is_binary(message: &Spooled) -> bool {
    headers::find(&message.header, "Content-Transfer-Encoding")
        .is_some_and(|field| field.unfolded().trim_ascii().eq_ignore_ascii_case(b"binary"))
}

/// Makes the message fit, and adds what was changed to the plan. A message to be sent as it is
/// is only looked at.
///
/// # Errors
/// [`Failure`]: 65 for a message that cannot be made fit or is signed, 74 for I/O.
pub fn fit(plan: &mut Plan, route: Route) -> Result<Fitted, Failure> {
    if plan.line_ends == LineEnds::Canonical {
        change(plan, route)?;
    }
    let message = &plan.message;
    let is_verbatim = plan.line_ends != LineEnds::Canonical;
    let body = if is_binary(message) && route.binary {
        // RFC 3030 section 3: what is binary travels as it is, by BDAT alone.
        plan.line_ends = LineEnds::VerbatimUnsafe;
        Some(BodyType::BinaryMime)
    } else {
        (message.scan.eight_bit && (route.eight_bit || is_verbatim))
            .then_some(BodyType::EightBitMime)
    };
    // RFC 6531 section 3.6: UTF-8 in the header travels under SMTPUTF8 only.
    let utf8_header = !message.header.is_ascii() && std::str::from_utf8(&message.header).is_ok();
    Ok(Fitted { body, utf8_header })
}

/// As [`fit`], of a message that is signed by `signers` behind it: what a later server would have
/// to encode, and break the signature by that, is encoded now (RFC 6376 section 5.3). What
/// somebody else has signed stays as it is.
///
/// # Errors
/// As [`fit`].
pub fn fit_to_sign(plan: &mut Plan, route: Route, signers: &[Signer]) -> Result<Fitted, Failure> {
    if !signers.is_empty()
        && let Ok(fitted) = fit(plan, Route { eight_bit: false, binary: false, ..route })
    {
        return Ok(fitted);
    }
    fit(plan, route)
}

fn change(plan: &mut Plan, route: Route) -> Result<(), Failure> {
    let refused = |error: downgrade::Error| {
        let failure = Failure::new(Exit::Data, error.to_string());
        match error {
            downgrade::Error::Signed { .. } => {
                failure.hint("encode before signing: quoted-printable or base64 pass every server")
            }
            _ => failure,
        }
    };
    let message = &mut plan.message;
    // What is neither ASCII nor UTF-8 was never allowed, and travels as far as 8-bit text does.
    let lacks = match std::str::from_utf8(&message.header) {
        _ if message.header.is_ascii() => None,
        Ok(_) => (!route.utf8_header).then_some("SMTPUTF8"),
        Err(_) => (!route.eight_bit).then_some("8BITMIME"),
    };
    let is_signed = || ["DKIM-Signature", "ARC-Message-Signature"];
    if let Some(lacks) = lacks {
        if let Some(by) =
            is_signed().into_iter().find(|name| headers::find(&message.header, name).is_some())
        {
            let need = "has octets above 127 in its header";
            return Err(refused(downgrade::Error::Signed { by, need }));
        }
        let (header, changed) = downgrade::ascii(&message.header).map_err(refused)?;
        message.header = header;
        for name in changed {
            plan.changes.push(format!("wrote {name} in encoded words: the server lacks {lacks}"));
        }
        rescan(message)?;
    }
    let is_binary = is_binary(message);
    let keeps_lines = is_binary && route.binary && has_crlf(&message.header);
    // What takes anything takes octets above 127.
    let way = Way { eight_bit: route.eight_bit || keeps_lines, binary: keeps_lines };
    let scan = message.scan;
    let is_long = scan.longest_line > downgrade::LINE_OCTETS;
    if !(is_long || scan.eight_bit && !way.eight_bit || is_binary && !way.binary) {
        return Ok(());
    }
    let mut survey = Survey::new();
    message.each(|octets| survey.push(octets).map_err(refused))?;
    let changes = survey.finish(way).map_err(refused)?;
    if changes.is_empty() {
        return Ok(());
    }
    let why = match (is_binary && !way.binary, scan.eight_bit && !way.eight_bit) {
        (true, _) => "binary content",
        (_, true) => "the server lacks 8BITMIME",
        _ => "a line of more than 998 octets",
    };
    plan.changes.push(match changes.encoded() {
        0 => format!("folded or relabelled header fields: {why}"),
        1 => format!("encoded 1 part anew: {why}"),
        parts => format!("encoded {parts} parts anew: {why}"),
    });
    let mut rewriter = Rewriter::new(changes);
    let mut keeper = Keeper::default();
    let mut out = Vec::new();
    message.each(|octets| {
        out.clear();
        rewriter.push(octets, &mut out).map_err(refused)?;
        keeper.push(&out)
    })?;
    out.clear();
    rewriter.finish(&mut out).map_err(refused)?;
    keeper.push(&out)?;
    *message = keeper.finish()?;
    if headers::find(&message.header, "MIME-Version").is_none() {
        message.header = headers::insert(&message.header, Place::Last, "MIME-Version", "1.0")
            .map_err(|error| Failure::new(Exit::Data, error.to_string()))?;
    }
    Ok(())
}

/// Binary content can be sent only beside line ends that are CRLF already.
fn has_crlf(header: &[u8]) -> bool {
    headers::line_end_of(header) == "\r\n"
}

/// Looks at the message again, after its header was changed.
fn rescan(message: &mut Spooled) -> Result<(), Failure> {
    let mut scan = super::spooled::Scan::default();
    message.each(|octets| {
        scan.feed(octets);
        Ok(())
    })?;
    message.scan = scan;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Author, Given};
    use super::*;

    const NARROW: Route = Route { eight_bit: false, binary: false, utf8_header: false };
    const BINARY: Route = Route { binary: true, ..Route::OPEN };

    fn plan(message: &[u8]) -> Plan {
        let given = Given { sender: Some("a@x"), ..Given::default() };
        let full = [b"Date: x\r\nMessage-ID: <x@x>\r\nFrom: a@x\r\nTo: b@x\r\n", message].concat();
        Plan::of(Spooled::of(full), given, &Author::default()).expect("a plan")
    }

    fn octets(plan: &mut Plan) -> Vec<u8> {
        let mut all = Vec::new();
        plan.message
            .each(|octets| {
                all.extend_from_slice(octets);
                Ok(())
            })
            .expect("read");
        all
    }

    #[test]
    fn what_fits_stays() {
        let mut plan = plan("Subject: Gr\u{fc}n\r\n\r\nGr\u{fc}n\r\n".as_bytes());
        let before = octets(&mut plan);
        let fitted = fit(&mut plan, Route::OPEN).expect("fits");
        assert_eq!(fitted, Fitted { body: Some(BodyType::EightBitMime), utf8_header: true });
        assert_eq!(octets(&mut plan), before);
        assert!(plan.changes.is_empty(), "{:?}", plan.changes);
    }

    #[test]
    fn a_narrow_server_gets_ascii() {
        let mut plan = plan("Subject: Gr\u{fc}n\r\n\r\nGr\u{fc}n\r\n".as_bytes());
        let fitted = fit(&mut plan, NARROW).expect("is made fit");
        assert_eq!(fitted, Fitted { body: None, utf8_header: false });
        assert!(octets(&mut plan).is_ascii());
        let told = plan.changes.join("; ");
        assert!(told.contains("Subject") && told.contains("8BITMIME"), "{told}");
        // MIME fields without a MIME-Version mean nothing.
        assert!(headers::find(&plan.message.header, "MIME-Version").is_some());
    }

    #[test]
    fn a_header_of_no_charset_is_ascii_for_a_narrow_server() {
        let message = b"From: J\xfcrg <j@x>\r\nSubject: Gr\xfcn\r\n\r\nx\r\n";
        let mut wide = plan(message);
        fit(&mut wide, Route::OPEN).expect("passes as everybody passes it");
        assert!(octets(&mut wide).ends_with(message));
        let mut narrow = plan(message);
        let fitted = fit(&mut narrow, NARROW).expect("is made fit");
        assert_eq!(fitted, Fitted { body: None, utf8_header: false });
        let header = crate::message::facts::Header::new(&octets(&mut narrow));
        assert_eq!(header.subject(), Some("Gr\u{fc}n"));
        let told = narrow.changes.join("; ");
        assert!(told.contains("From") && told.contains("8BITMIME"), "{told}");
    }

    #[test]
    fn binary_content_travels_as_it_is_or_by_base64() {
        let message = b"MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n\r\xff";
        let mut whole = plan(message);
        let before = octets(&mut whole);
        let fitted = fit(&mut whole, BINARY).expect("fits");
        assert_eq!(fitted.body, Some(BodyType::BinaryMime));
        assert_eq!(whole.line_ends, LineEnds::VerbatimUnsafe);
        assert_eq!(octets(&mut whole), before);
        let mut encoded = plan(message);
        let fitted = fit(&mut encoded, Route::OPEN).expect("is made fit");
        assert_eq!((fitted.body, encoded.line_ends), (None, LineEnds::Canonical));
        assert!(octets(&mut encoded).is_ascii());
    }

    #[test]
    fn signed_mail_is_refused_when_it_does_not_fit() {
        let message = "DKIM-Signature: v=1\r\nSubject: Gr\u{fc}n\r\n\r\nx\r\n";
        let failure = fit(&mut plan(message.as_bytes()), NARROW).expect_err("signed");
        assert_eq!(failure.exit, Exit::Data);
        assert!(failure.message.contains("DKIM-Signature"), "{}", failure.message);
    }
}
