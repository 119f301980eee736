//! LOGIN: user and password, each the answer to a prompt.
//!
//! It has no RFC; draft-murchison-sasl-login-00 writes down what servers do. The prompts are
//! words for people ("Username:", "User Name", a localised one), so that a client cannot tell
//! anything from them, and answers them in order.

use std::rc::Rc;

use super::{Client, Credential, Error, Mechanism, Secrets, Server, Step, verify};
use crate::base::secret::Secret;

/// The client side.
#[derive(Debug)]
pub(super) struct LoginClient {
    user: String,
    password: Secret,
    answered: usize,
}

impl LoginClient {
    /// # Errors
    /// When user or password are empty: some servers take an empty line for a cancellation.
    pub(super) fn new(credential: &Credential, password: &Secret) -> Result<Self, Error> {
        for (what, empty) in
            [("user name", credential.user.is_empty()), ("password", password.is_empty())]
        {
            if empty {
                return Err(Error::Unencodable {
                    mechanism: Mechanism::Login,
                    what,
                    problem: "is empty",
                });
            }
        }
        Ok(Self { user: credential.user.clone(), password: password.clone(), answered: 0 })
    }
}

impl Client for LoginClient {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Login
    }

    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Vec<u8>, Error> {
        let answer = match self.answered {
            0 => self.user.as_bytes().to_vec(),
            1 => self.password.expose().to_vec(),
            _ => {
                return Err(Error::Protocol {
                    mechanism: Mechanism::Login,
                    expected: "two prompts and no more",
                });
            }
        };
        self.answered += 1;
        Ok(answer)
    }

    fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// The server side.
pub(super) struct LoginServer {
    secrets: Rc<dyn Secrets>,
    state: State,
}

enum State {
    Start,
    User,
    Password { user: Vec<u8> },
    Over,
}

impl LoginServer {
    pub(super) fn new(secrets: Rc<dyn Secrets>) -> Self {
        Self { secrets, state: State::Start }
    }

    fn opened(&self, user: &[u8], password: &[u8]) -> Option<String> {
        let user = std::str::from_utf8(user).ok()?;
        if user.is_empty() {
            return None;
        }
        verify::opens(Mechanism::Login, &*self.secrets, user, password)
    }
}

impl Server for LoginServer {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, response) {
            (State::Start, None) => {
                self.state = State::User;
                Step::Challenge(b"Username:".to_vec())
            }
            // Outlook and others give the user name as the initial response.
            (State::Start | State::User, Some(user)) => {
                self.state = State::Password { user: user.to_vec() };
                Step::Challenge(b"Password:".to_vec())
            }
            (State::Password { user }, Some(password)) => match self.opened(&user, password) {
                Some(user) => verify::admit(&*self.secrets, &user, None, None),
                None => verify::invalid(),
            },
            (State::User | State::Password { .. } | State::Over, _) => verify::over(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Users, done, password};
    use super::*;

    fn server() -> LoginServer {
        LoginServer::new(Rc::new(Users::default()))
    }

    #[test]
    fn two_prompts_two_answers() {
        let credential = password("tim", "tanstaaftanstaaf");
        let mut client =
            LoginClient::new(&credential, &Secret::new("tanstaaftanstaaf")).expect("a client");
        assert_eq!(client.initial(), Ok(None));
        assert_eq!(client.step(b"User Name\0"), Ok(b"tim".to_vec()));
        assert_eq!(client.step(b"Passwort:"), Ok(b"tanstaaftanstaaf".to_vec()));
        assert!(client.step(b"PIN:").expect_err("a third").is_protocol());
    }

    #[test]
    fn the_server_prompts_and_takes_an_initial_user_name() {
        let mut prompted = server();
        assert_eq!(prompted.step(None), Step::Challenge(b"Username:".to_vec()));
        assert_eq!(prompted.step(Some(b"tim")), Step::Challenge(b"Password:".to_vec()));
        assert_eq!(prompted.step(Some(b"tanstaaftanstaaf")), done("tim"));
        assert_eq!(prompted.step(Some(b"again")), verify::over());

        let mut initial = server();
        assert_eq!(initial.step(Some(b"tim")), Step::Challenge(b"Password:".to_vec()));
        assert_eq!(initial.step(Some(b"wrong")), verify::invalid());
    }

    #[test]
    fn an_unknown_user_is_asked_for_the_password_too() {
        let mut server = server();
        assert_eq!(server.step(Some(b"tom\xff")), Step::Challenge(b"Password:".to_vec()));
        assert_eq!(server.step(Some(b"x")), verify::invalid());
    }
}
