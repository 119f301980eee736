//! Message data: what follows DATA, and the chunks of BDAT.
//!
//! RFC 5321 sections 4.1.1.4, 4.5.2 and 2.3.8; RFC 3030 section 2. The machines are those of
//! [`crate::base::dot`], which POP3 and NNTP use too: DATA is *dotted*, BDAT is *counted*. Size
//! limits and what to do about a bare CR or LF are the session's business.

pub use crate::base::dot::{Bare, Decoder, Encoder, LineEnds, Pushed};

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5321 section 4.5.2: the octets of a transparent line.
    #[test]
    fn a_message_and_the_next_command_part_at_the_dot() {
        let message = b"Subject: dots\n\n.\n..\n.hidden\nend";
        let mut wire = Vec::new();
        let mut encoder = Encoder::dotted(LineEnds::Canonical);
        encoder.push(message, &mut wire).expect("canonical takes all");
        encoder.finish(&mut wire).expect("canonical takes all");
        assert_eq!(wire, b"Subject: dots\r\n\r\n..\r\n...\r\n..hidden\r\nend\r\n.\r\n");
        wire.extend_from_slice(b"MAIL FROM:<>\r\n");
        let (mut decoder, mut text) = (Decoder::new(), Vec::new());
        let Pushed { used, is_done } = decoder.push(&wire, &mut text);
        assert!(is_done && decoder.bare().is_none());
        assert_eq!(&wire[used..], b"MAIL FROM:<>\r\n");
        assert_eq!(text, b"Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nend\r\n");
    }
}
