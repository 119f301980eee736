//! What a stapled OCSP response says (RFC 6960 section 4.2.1, in DER).
//!
//! Only what it says: whether its signature is an authority's is not verified here. It hands on
//! the status of each certificate that it speaks of.

use jiff::civil::DateTime;

/// A response: an error of the responder, or what it says of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The responder did not answer: `tryLater`, `unauthorized` and others.
    Refused(&'static str),
    /// Its answers, one for each certificate.
    Answers(Vec<Answer>),
}

/// What it says of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The certificate's serial number as it stands in it: big-endian, with a leading zero
    /// where the first bit would be a sign.
    pub serial: Vec<u8>,
    /// What became of it.
    pub status: Status,
    /// From when on that is known, in seconds since 1970-01-01T00:00:00Z.
    pub this_update: i64,
    /// By when more will be known: from then on this says nothing any more. `None`: there is
    /// always something newer.
    pub next_update: Option<i64>,
}

/// The status of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It was not revoked.
    Good,
    /// It was, at this time, in seconds since 1970-01-01T00:00:00Z.
    Revoked(i64),
    /// The responder does not know it.
    Unknown,
}

/// No OCSP response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no OCSP response: there is no {missing}")]
pub struct Unreadable {
    /// What should have come next.
    pub missing: &'static str,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, `[1]` and `[2]` around something, and in the place of something simple.
const CONTEXT: [u8; 3] = [0xa0, 0xa1, 0xa2];
const PLAIN: [u8; 3] = [0x80, 0x81, 0x82];

/// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1
const BASIC: [u8; 9] = [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];

impl Response {
    /// Reads a response.
    ///
    /// # Errors
    /// [`Unreadable`] for anything else, and for kinds of responses other than the basic one.
    pub fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
        let mut response = Der(Der(octets).take(SEQUENCE, "response")?);
        let refusal = match response.take(ENUMERATED, "responseStatus")? {
            [0] => None,
            [1] => Some("malformedRequest"),
            [2] => Some("internalError"),
            [3] => Some("tryLater"),
            [5] => Some("sigRequired"),
            [6] => Some("unauthorized"),
            _ => return Err(Unreadable { missing: "responseStatus" }),
        };
        if let Some(refusal) = refusal {
            return Ok(Self::Refused(refusal));
        }
        let mut bytes =
            Der(Der(response.take(CONTEXT[0], "responseBytes")?).take(SEQUENCE, "responseBytes")?);
        if bytes.take(OBJECT, "responseType")? != BASIC {
            return Err(Unreadable { missing: "basic response" });
        }
        let mut basic =
            Der(Der(bytes.take(OCTET_STRING, "response")?).take(SEQUENCE, "BasicOCSPResponse")?);
        let mut data = Der(basic.take(SEQUENCE, "tbsResponseData")?);
        // Its version, where it is not the first.
        data.maybe(CONTEXT[0]);
        if data.maybe(CONTEXT[1]).is_none() {
            data.take(CONTEXT[2], "responderID")?;
        }
        data.take(GENERALIZED_TIME, "producedAt")?;
        let mut list = Der(data.take(SEQUENCE, "responses")?);
        let mut answers = Vec::new();
        while !list.0.is_empty() {
            answers.push(answer(Der(list.take(SEQUENCE, "SingleResponse")?))?);
        }
        Ok(Self::Answers(answers))
    }
}

fn answer(mut single: Der<'_>) -> Result<Answer, Unreadable> {
    let mut id = Der(single.take(SEQUENCE, "certID")?);
    id.take(SEQUENCE, "hashAlgorithm")?;
    id.take(OCTET_STRING, "issuerNameHash")?;
    id.take(OCTET_STRING, "issuerKeyHash")?;
    let serial = id.take(INTEGER, "serialNumber")?.to_vec();
    let status = if single.maybe(PLAIN[0]).is_some() {
        Status::Good
    } else if let Some(revoked) = single.maybe(CONTEXT[1]) {
        Status::Revoked(Der(revoked).time("revocationTime")?)
    } else if single.maybe(PLAIN[2]).is_some() {
        Status::Unknown
    } else {
        return Err(Unreadable { missing: "certStatus" });
    };
    let this_update = single.time("thisUpdate")?;
    let next_update = match single.maybe(CONTEXT[0]) {
        Some(time) => Some(Der(time).time("nextUpdate")?),
        None => None,
    };
    Ok(Answer { serial, status, this_update, next_update })
}

/// What is left of a value in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, which has to have this tag.
    fn take(&mut self, tag: u8, missing: &'static str) -> Result<&'a [u8], Unreadable> {
        self.maybe(tag).ok_or(Unreadable { missing })
    }

    /// The content of the next element, if it has this tag and is whole.
    fn maybe(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_first_chunk::<2>()?;
        if head[0] != tag {
            return None;
        }
        let (length, rest) = match head[1] {
            short @ 0..=0x7f => (usize::from(short), rest),
            // No response is as long as three octets can say.
            long @ (0x81 | 0x82) => {
                let (octets, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                let length = octets.iter().fold(0, |sum, octet| (sum << 8) | usize::from(*octet));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// A GeneralizedTime in the only form that RFC 5280 section 4.1.2.5.2 has: `YYYYMMDDHHMMSSZ`.
    fn time(&mut self, missing: &'static str) -> Result<i64, Unreadable> {
        let octets = self.take(GENERALIZED_TIME, missing)?;
        let text = std::str::from_utf8(octets).ok().and_then(|text| text.strip_suffix('Z'));
        text.filter(|text| text.len() == 14)
            .and_then(|text| DateTime::strptime("%Y%m%d%H%M%S", text).ok())
            .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok())
            .map(|time| time.timestamp().as_second())
            .ok_or(Unreadable { missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        match u8::try_from(content.len()) {
            Ok(length @ 0..=0x7f) => [&[tag, length], content.as_slice()].concat(),
            Ok(length) => [&[tag, 0x81, length], content.as_slice()].concat(),
            Err(_) => {
                let length = (content.len() as u16).to_be_bytes();
                [&[tag, 0x82], &length[..], content.as_slice()].concat()
            }
        }
    }

    fn time(text: &str) -> Vec<u8> {
        der(GENERALIZED_TIME, &[text.as_bytes()])
    }

    fn single(serial: u8, status: &[u8], next: Option<&str>) -> Vec<u8> {
        let hash = der(SEQUENCE, &[&der(OBJECT, &[&[0x2b]]), &[5, 0]]);
        let name = der(OCTET_STRING, &[&[7; 20]]);
        let id = der(SEQUENCE, &[&hash, &name, &name, &der(INTEGER, &[&[serial]])]);
        let next = next.map(|next| der(CONTEXT[0], &[&time(next)])).unwrap_or_default();
        der(SEQUENCE, &[&id, status, &time("20260101000000Z"), &next])
    }

    fn response(singles: &[Vec<u8>]) -> Vec<u8> {
        let singles: Vec<&[u8]> = singles.iter().map(Vec::as_slice).collect();
        let responder = der(CONTEXT[2], &[&der(OCTET_STRING, &[&[7; 20]])]);
        let data = der(SEQUENCE, &[&responder, &time("20260101000000Z"), &der(SEQUENCE, &singles)]);
        let basic = der(SEQUENCE, &[&data, &der(SEQUENCE, &[]), &der(3, &[&[0; 200]])]);
        let bytes = der(SEQUENCE, &[&der(OBJECT, &[&BASIC]), &der(OCTET_STRING, &[&basic])]);
        der(SEQUENCE, &[&der(ENUMERATED, &[&[0]]), &der(CONTEXT[0], &[&bytes])])
    }

    #[test]
    fn each_status_is_read_and_no_prefix_is() {
        let revoked = der(CONTEXT[1], &[&time("20250101000000Z"), &der(0xa0, &[&[10, 1, 1]])]);
        let octets = response(&[
            single(1, &[0x80, 0], Some("20260108000000Z")),
            single(2, &revoked, None),
            single(3, &[0x82, 0], None),
        ]);
        let answer = |serial: u8, status, next_update| Answer {
            serial: vec![serial],
            status,
            this_update: 1_767_225_600,
            next_update,
        };
        let want = vec![
            answer(1, Status::Good, Some(1_767_830_400)),
            answer(2, Status::Revoked(1_735_689_600), None),
            answer(3, Status::Unknown, None),
        ];
        assert_eq!(Response::decode(&octets), Ok(Response::Answers(want)));
        for end in 0..octets.len() {
            assert!(Response::decode(&octets[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn an_error_of_the_responder_is_told() {
        let later = der(SEQUENCE, &[&der(ENUMERATED, &[&[3]])]);
        assert_eq!(Response::decode(&later), Ok(Response::Refused("tryLater")));
        for nonsense in [
            &b""[..],
            b"220 mx",
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &der(SEQUENCE, &[&der(ENUMERATED, &[&[9]])]),
            &response(&[single(1, &[0x83, 0], None)]),
            &response(&[single(1, &[0x80, 0], Some("2026010100000Z"))]),
            &response(&[single(1, &[0x80, 0], Some("20261301000000Z"))]),
        ] {
            assert!(Response::decode(nonsense).is_err(), "{nonsense:?}");
        }
    }
}
