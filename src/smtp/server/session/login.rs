//! AUTH, RFC 4954: what of it is a session's.

use super::{Answer, Session, Then};
use crate::base::decode::Malformed;
use crate::sasl::{self, Mechanism, Step};
use crate::smtp::syntax::command::AuthResponse;
use crate::smtp::syntax::reply::Reply;

impl Session {
    pub(super) fn auth(&mut self, name: &str, initial: Option<Vec<u8>>) -> Answer {
        if self.peer.user.is_some() {
            return self.no(503, (5, 5, 1), "authenticated already");
        }
        if !self.is_greeted || self.transaction.is_some() {
            return self.no(503, (5, 5, 1), "AUTH stands between EHLO and MAIL");
        }
        let is_listed = !self.peer.is_old
            && self.settings.offer.auth.iter().any(|offered| offered.eq_ignore_ascii_case(name));
        let (Some(mechanism), true) = (Mechanism::from_name(name), is_listed) else {
            return self.no(504, (5, 5, 4), "that mechanism is not offered here");
        };
        if !self.may_use(name) {
            return match mechanism.is_cleartext() && !self.channel.encrypted {
                // RFC 4954 section 4; its section 6 has 538 for the record only.
                true => self.no(504, (5, 5, 4), "that mechanism needs TLS"),
                false => self.no(504, (5, 5, 4), "that mechanism is not possible here"),
            };
        }
        if initial.is_some() && !mechanism.takes_initial_response() {
            // RFC 4954 section 4.
            return self.no(501, (5, 7, 0), "that mechanism has no initial response");
        }
        let Some(secrets) = self.delivery.secrets(self.subject.as_deref()) else {
            return self.no(454, (4, 7, 0), "nobody can log in now");
        };
        let mut channel = self.channel.clone();
        channel.keep_bindings(&self.settings.offer.auth);
        let mut exchange = sasl::server(mechanism, secrets, &channel, &mut sasl::system_random);
        let step = exchange.step(initial.as_deref());
        self.exchange = Some(exchange);
        self.stepped(step)
    }

    /// Answers a line of an authentication.
    pub fn auth_response(&mut self, response: Result<AuthResponse, Malformed>) -> Answer {
        let response = match response {
            Ok(AuthResponse::Data(response)) => response,
            Ok(AuthResponse::Cancel) => {
                self.forget_exchange();
                return self.no(501, (5, 7, 0), "authentication cancelled");
            }
            Err(_) => {
                self.forget_exchange();
                return self.no(501, (5, 5, 2), "that is not base64");
            }
        };
        if let Some(user) = self.proved.take() {
            self.exchange = None;
            if !response.is_empty() {
                return self.no(501, (5, 5, 2), "an empty response was expected");
            }
            return self.logged_in(user);
        }
        match self.exchange.take() {
            Some(mut exchange) => {
                let step = exchange.step(Some(&response));
                self.exchange = Some(exchange);
                self.stepped(step)
            }
            None => self.no(503, (5, 5, 1), "AUTH comes first"),
        }
    }

    fn stepped(&mut self, step: Step) -> Answer {
        match step {
            Step::Challenge(challenge) => self.challenge(&challenge),
            Step::Done { user, additional: Some(additional) } => {
                self.proved = Some(user);
                self.challenge(&additional)
            }
            Step::Done { user, additional: None } => {
                self.exchange = None;
                self.logged_in(user)
            }
            Step::Failed { reason } => {
                self.forget_exchange();
                self.bad_commands += 1;
                self.no(535, (5, 7, 8), &reason)
            }
        }
    }

    fn challenge(&self, challenge: &[u8]) -> Answer {
        let reply = Reply::new(334, &sasl::encode(challenge));
        Answer { reply: Some(reply), then: Then::AuthResponse }
    }

    fn logged_in(&mut self, user: String) -> Answer {
        self.peer.user = Some(user);
        self.yes(235, (2, 7, 0), "welcome")
    }

    pub(super) fn forget_exchange(&mut self) {
        self.exchange = None;
        self.proved = None;
    }
}
