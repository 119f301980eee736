//! The initiator (RFC 4752 section 3.1).

use super::library::{self, Context};
use super::{NO_LAYER, kerberos, protocol};
use crate::sasl::{Channel, Client, Credential, Error, Mechanism};

/// One login.
#[derive(Debug)]
pub(in crate::sasl) struct GssapiClient {
    service: &'static str,
    host: String,
    identity: String,
    context: Context,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The context does not stand yet.
    Initiating,
    /// It stands: the server's offer of security layers is next.
    Layers,
    /// All is said.
    Done,
    /// Something was wrong; nothing will be right any more.
    Broken,
}

impl GssapiClient {
    /// Asks for the authorization identity, else for the user; with neither, the server derives
    /// one from the principal.
    ///
    /// # Errors
    /// Without the library, and when that identity has a NUL.
    pub(in crate::sasl) fn new(credential: &Credential, channel: &Channel) -> Result<Self, Error> {
        library::is_there().map_err(|words| Error::NoKerberos { words })?;
        let identity = credential.other_identity().unwrap_or(&credential.user);
        if identity.contains('\0') {
            return Err(Error::Unencodable {
                mechanism: Mechanism::Gssapi,
                what: "identity to act as",
                problem: "has a NUL",
            });
        }
        let host = channel.host.trim_end_matches('.').to_owned();
        if host.is_empty() {
            return Err(Error::Unencodable {
                mechanism: Mechanism::Gssapi,
                what: "host name of the server",
                problem: "is not known",
            });
        }
        let context = Context::new().map_err(|it| Error::NoKerberos { words: it.words })?;
        Ok(Self {
            service: channel.service,
            host,
            identity: identity.to_owned(),
            context,
            state: State::Initiating,
        })
    }

    fn initiate(&mut self, token: &[u8]) -> Result<Vec<u8>, Error> {
        let step = self.context.initiate(self.service, &self.host, token);
        let (answer, stands) = step.map_err(|it| kerberos(self.service, &self.host, &it))?;
        self.state = if stands { State::Layers } else { State::Initiating };
        Ok(answer)
    }

    /// Chooses no layer among those offered: four octets, the first of them a set of bits, the
    /// others the size of the server's buffer.
    fn choose_layer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        let trouble = |it| kerberos(self.service, &self.host, &it);
        let offer = self.context.unwrap(challenge).map_err(trouble)?;
        let [layers, _, _, _] = offer[..] else {
            return Err(protocol("four octets about security layers"));
        };
        if layers & NO_LAYER == 0 {
            return Err(Error::Unencodable {
                mechanism: Mechanism::Gssapi,
                what: "login",
                problem: "would need a security layer, which the server insists on and TLS is here \
                          in place of",
            });
        }
        let choice = [&[NO_LAYER, 0, 0, 0], self.identity.as_bytes()].concat();
        let trouble = |it| kerberos(self.service, &self.host, &it);
        let answer = self.context.wrap(&choice).map_err(trouble)?;
        self.state = State::Done;
        Ok(answer)
    }
}

impl Client for GssapiClient {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Gssapi
    }

    /// Tickets come from a KDC.
    fn may_block(&self) -> bool {
        true
    }

    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.initiate(b"").map(Some)
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Initiating => self.initiate(challenge),
            // A server whose last token came before may say nothing more about the context.
            State::Layers if challenge.is_empty() => {
                self.state = State::Layers;
                Ok(Vec::new())
            }
            State::Layers => self.choose_layer(challenge),
            State::Done | State::Broken => Err(protocol("no challenge after the security layer")),
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        match self.state {
            State::Done => Ok(()),
            _ => Err(Error::Unproven { mechanism: Mechanism::Gssapi }),
        }
    }
}
