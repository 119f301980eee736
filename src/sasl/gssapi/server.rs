//! The acceptor (RFC 4752 section 3.2).

use std::path::Path;
use std::rc::Rc;

use super::NO_LAYER;
use super::library::{Context, Keys, Trouble};
use crate::sasl::{Channel, Secrets, Server, Step, verify};

/// One login.
pub(in crate::sasl) struct GssapiServer {
    secrets: Rc<dyn Secrets>,
    service: &'static str,
    state: State,
}

enum State {
    /// The first token is next.
    Start,
    /// A further token is.
    Accepting(Keys, Context),
    /// The context stands, and the client has our last token: its empty answer is next.
    Stands(Context),
    /// The client's choice of a layer is next.
    Layers(Context),
    Over,
}

impl GssapiServer {
    pub(in crate::sasl) fn new(secrets: Rc<dyn Secrets>, channel: &Channel) -> Self {
        Self { secrets, service: channel.service, state: State::Start }
    }

    fn accept(&mut self, keys: Keys, mut context: Context, token: &[u8]) -> Result<Step, Step> {
        let (answer, stands) = context.accept(&keys, token).map_err(refused)?;
        if !stands {
            self.state = State::Accepting(keys, context);
            return Ok(Step::Challenge(answer));
        }
        let (_, acceptor) = context.principals().map_err(refused)?;
        let service = acceptor.split('/').next().unwrap_or_default();
        if service != self.service {
            return Err(verify::failed(&format!(
                "the ticket is for {service}, and this is {}",
                self.service
            )));
        }
        if answer.is_empty() {
            return self.offer(context);
        }
        self.state = State::Stands(context);
        Ok(Step::Challenge(answer))
    }

    /// Offers no security layer, and so no buffer.
    fn offer(&mut self, mut context: Context) -> Result<Step, Step> {
        let offer = context.wrap(&[NO_LAYER, 0, 0, 0]).map_err(refused)?;
        self.state = State::Layers(context);
        Ok(Step::Challenge(offer))
    }

    fn choose(&self, mut context: Context, response: &[u8]) -> Result<Step, Step> {
        let choice = context.unwrap(response).map_err(refused)?;
        let Some((&[NO_LAYER, _, _, _], identity)) = choice.split_first_chunk::<4>() else {
            return Err(verify::failed("only \"no security layer\" was offered"));
        };
        let Ok(identity) = std::str::from_utf8(identity) else {
            return Err(verify::failed("expected an authorization identity, in UTF-8"));
        };
        let (initiator, _) = context.principals().map_err(refused)?;
        Ok(verify::admit(&*self.secrets, user(&initiator), Some(identity), None))
    }
}

/// The user that a principal is: its first component without the realm.
fn user(principal: &str) -> &str {
    principal.split(['@', '/']).next().unwrap_or_default()
}

/// The refusal says what the library said: whose clock or key is wrong is no secret.
fn refused(trouble: Trouble) -> Step {
    verify::failed(&format!("GSSAPI: {}", trouble.words))
}

fn begun(keytab: Option<&Path>) -> Result<(Keys, Context), Step> {
    let keytab = keytab.ok_or_else(|| verify::failed("there is no keytab here"))?;
    Ok((Keys::of(keytab).map_err(refused)?, Context::new().map_err(refused)?))
}

impl Server for GssapiServer {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        let state = std::mem::replace(&mut self.state, State::Over);
        let step = match (state, response) {
            (State::Start, None) => {
                self.state = State::Start;
                Ok(Step::Challenge(Vec::new()))
            }
            (State::Start, Some(token)) => begun(self.secrets.keytab().as_deref())
                .and_then(|(keys, context)| self.accept(keys, context, token)),
            (State::Accepting(keys, context), Some(token)) => self.accept(keys, context, token),
            (State::Stands(context), Some([])) => self.offer(context),
            (State::Stands(_), Some(_)) => Err(verify::failed("expected an empty response")),
            (State::Layers(context), Some(response)) => self.choose(context, response),
            (_, None) | (State::Over, _) => Err(verify::over()),
        };
        step.unwrap_or_else(|refusal| refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_a_user() {
        for (principal, name) in
            [("ann@EXAMPLE.TEST", "ann"), ("ann/admin@EXAMPLE.TEST", "ann"), ("ann", "ann")]
        {
            assert_eq!(user(principal), name);
        }
    }
}
