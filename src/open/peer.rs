//! One server: where it is, how TLS is spoken with it, and who logs in.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use anyhow::Result;

use super::admin::administered;
use super::args::EndpointOptions;
use super::context::Context;
use super::tokens;
use crate::base::location::{Auth, Server};
use crate::base::secret::Secret;
use crate::config::credentials::{
    self, CONTAINER_VARIABLE, Credentials, Found, Origin, Surroundings, Whereabouts,
};
use crate::config::{Account, Config};
use crate::net::proxy::Choice;
use crate::net::tls::{self, Connector, Mode, Verify};
use crate::net::{self, Endpoint, proxy_header};
use crate::oauth::{Source, Token, Web};
use crate::sasl::{self, Credential, CredentialSecret, Mechanism};
use crate::ui::{Echo, Exit, Failure, report};

/// A PROXY header: for whom the connection is made.
#[derive(Debug, Clone, Copy)]
pub struct ProxyHeader {
    /// Its form.
    pub version: proxy_header::Version,
    /// The client; `None`: ourselves.
    pub client: Option<std::net::SocketAddr>,
}

/// A server, and all that is needed to open a session with it.
pub struct Peer {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its port, 0 for a Unix socket.
    pub port: u16,
    /// When TLS begins.
    pub mode: Mode,
    /// The only mechanism to use.
    pub mechanism: Option<Mechanism>,
    /// Passwords may cross in the clear.
    pub allow_cleartext: bool,
    /// APOP and nothing else (POP3).
    pub apop: bool,
    /// The login name; `None`: nobody logs in.
    pub user: Option<String>,
    authorize_as: Option<String>,
    settings: tls::Settings,
    proxy: Option<Choice>,
    secrets: Credentials,
    /// The account whose table says how tokens are had.
    account: Option<Account>,
    tokens: RefCell<Option<Rc<Source>>>,
    /// The token that was used last, and the one that a server has refused.
    used: RefCell<Option<Token>>,
    refused: RefCell<Option<Secret>>,
    /// The token command was asked for another token.
    has_asked_again: Cell<bool>,
}

impl Peer {
    /// A server of a URL. `mode` is what its scheme asks for. Options come before the URL,
    /// the URL before the account. `config` knows the account of `--admin`.
    ///
    /// # Errors
    /// [`Failure`] for options that cannot be followed, a file that cannot be read.
    pub fn new(
        endpoint: Endpoint,
        server: Option<&Server>,
        mode: Mode,
        account: Option<&Account>,
        options: &EndpointOptions,
        config: &Config,
    ) -> Result<Self> {
        let (account, options) = administered(account, server, options, config)?;
        let options = &options;
        let tls_keys = account.map(|account| &account.tls);
        let named = |name: &str| -> Result<Option<Mechanism>> {
            // No SASL mechanism, and asked for in the same places (POP3).
            if name.eq_ignore_ascii_case("APOP") {
                return Ok(None);
            }
            Mechanism::from_name(name).map(Some).ok_or_else(|| {
                let known: Vec<&str> = Mechanism::ALL.iter().map(|known| known.name()).collect();
                Failure::usage(format!("{name:?} is no SASL mechanism that pillarbox speaks"))
                    .hint(format!("it speaks {}", known.join(", ")))
                    .into()
            })
        };
        let in_url = server.and_then(|server| match &server.auth {
            Some(Auth::Mechanism(name)) => Some(name.as_str()),
            Some(Auth::Any | Auth::Extension(_)) | None => None,
        });
        let apop_in_url = server.is_some_and(|server| {
            matches!(&server.auth, Some(Auth::Extension(name)) if name.eq_ignore_ascii_case("APOP"))
        });
        let chosen = options
            .auth
            .as_deref()
            .or(in_url)
            .or(apop_in_url.then_some("APOP"))
            .or_else(|| account.and_then(|account| account.auth.as_deref()))
            .map(named)
            .transpose()?;
        let apop = chosen == Some(None);
        let mechanism = chosen.flatten();
        let user =
            options.user.clone().or_else(|| server.and_then(|server| server.user.clone())).or_else(
                || match (account, server) {
                    (Some(account), Some(server)) => account.user_at(server).map(str::to_owned),
                    _ => None,
                },
            );
        // A scheme with implicit TLS says when it begins; an account's `tls` is for the rest.
        let of_account = tls_keys.and_then(|keys| keys.mode).filter(|_| mode != Mode::Implicit);
        let secrets = Credentials::new(
            Whereabouts {
                token_command: options.token_command.clone(),
                account_token_command: account.and_then(|account| {
                    Some((account.name.clone(), account.token_command.clone()?))
                }),
                command: options.password_command.clone(),
                descriptor: options.password_fd,
                url: server.and_then(|server| server.password.clone()),
                account_command: account.and_then(|account| {
                    Some((account.name.clone(), account.password_command.clone()?))
                }),
                account_password: account
                    .and_then(|account| Some((account.name.clone(), account.password.clone()?))),
                user: user.clone().unwrap_or_default(),
                host: endpoint.host().to_owned(),
            },
            Surroundings::of_process(),
        );
        Ok(Self {
            port: match &endpoint {
                Endpoint::Tcp { port, .. } => *port,
                Endpoint::Unix(_) => 0,
            },
            endpoint,
            mode: options.tls.or(of_account).unwrap_or(mode),
            mechanism,
            allow_cleartext: options.allow_cleartext_password
                || account.and_then(|account| account.allow_cleartext_password) == Some(true),
            user,
            apop,
            authorize_as: options
                .authorize_as
                .clone()
                .or_else(|| account.and_then(|account| account.authorize_as.clone())),
            settings: settings(account, options)?,
            account: account.filter(|account| account.oauth.is_some()).cloned(),
            tokens: RefCell::default(),
            used: RefCell::default(),
            refused: RefCell::default(),
            has_asked_again: Cell::new(false),
            proxy: account.and_then(|account| account.proxy.clone()),
            secrets,
        })
    }

    /// How TLS is spoken with this server.
    pub fn settings(&self) -> &tls::Settings {
        &self.settings
    }

    /// TLS with this server.
    ///
    /// # Errors
    /// Settings that the backend cannot follow.
    pub fn connector(&self) -> Result<Connector> {
        Connector::new(self.endpoint.host(), &self.settings)
            .map_err(|error| net::Error::from(error).into())
    }

    /// How connections to this server are made: by the account's proxy where no other was
    /// asked for.
    pub fn network(&self, options: &net::Options) -> net::Options {
        let mut options = options.clone();
        if options.proxies.chosen.is_none() {
            options.proxies.chosen.clone_from(&self.proxy);
        }
        options
    }

    /// Connects, with TLS when it begins at once.
    ///
    /// # Errors
    /// Network and TLS errors.
    pub async fn connect(&self, context: &Context) -> Result<net::Wire> {
        self.connect_behind(None, context).await
    }

    /// As [`Peer::connect`], with a PROXY header before anything else.
    ///
    /// # Errors
    /// Network and TLS errors; [`Failure`] (64) on a Unix socket, which has no addresses.
    pub async fn connect_behind(
        &self,
        proxy: Option<ProxyHeader>,
        context: &Context,
    ) -> Result<net::Wire> {
        let mut connected = net::connect(&self.endpoint, &self.network(&context.net)).await?;
        context.debug(|| {
            format!(
                "{}: lookup {:.1} ms, connect {:.1} ms",
                self.endpoint,
                connected.timings.lookup.as_secs_f64() * 1e3,
                connected.timings.connect.as_secs_f64() * 1e3
            )
        });
        if let Some(proxy) = proxy {
            let (Some(destination), Some(own)) = (connected.address, connected.own_address) else {
                return Err(
                    Failure::usage("a PROXY header needs TCP, and no --proxy before it").into()
                );
            };
            let source = proxy.client.unwrap_or(own);
            connected.wire.queue(&proxy_header::encode(proxy.version, source, destination));
            connected.wire.flush().await?;
        }
        if self.mode == Mode::Implicit {
            connected.wire.start_tls(&self.connector()?).await?;
        }
        Ok(connected.wire)
    }

    /// Who logs in, with the secret; `None` when no user is known. The secret is looked for
    /// now, and blotted out of every transcript from now on.
    ///
    /// An account's token is asked for again each time: it may have run out since.
    ///
    /// # Errors
    /// A secret that cannot be had: 77 or what the source says.
    pub async fn credential(&self, context: &Context) -> Result<Option<Credential>> {
        let without_secret = self.mechanism.is_some_and(Mechanism::is_secretless);
        let Some(user) = &self.user else {
            return Ok(without_secret.then(|| Credential {
                user: String::new(),
                authorize_as: self.authorize_as.clone(),
                secret: CredentialSecret::None,
            }));
        };
        let secret = if without_secret {
            CredentialSecret::None
        } else if let Some(account) = &self.account
            && self.takes_token()
            && !self.secrets.is_told()
        {
            self.token(account, user, context).await?
        } else {
            self.secret(context).await?
        };
        Ok(Some(Credential { user: user.clone(), authorize_as: self.authorize_as.clone(), secret }))
    }

    /// Whether a token will do: no mechanism is forced that wants another secret.
    fn takes_token(&self) -> bool {
        self.mechanism
            .is_none_or(|only| matches!(only, Mechanism::XOauth2 | Mechanism::OAuthBearer))
    }

    async fn token(
        &self,
        account: &Account,
        user: &str,
        context: &Context,
    ) -> Result<CredentialSecret> {
        let known = self.tokens.borrow().clone();
        let source = match known {
            Some(source) => source,
            None => Rc::new(tokens::source(account, Some(user))?),
        };
        *self.tokens.borrow_mut() = Some(source.clone());
        let options = self.network(&context.net);
        let web = Web { options: &options, tls: tokens::trust(account)? };
        let refused = self.refused.borrow().clone();
        let token = source.token(refused.as_ref(), &web).await?;
        let secret = token.secret.clone();
        *self.used.borrow_mut() = Some(token);
        Ok(CredentialSecret::Token(secret))
    }

    /// Called when a server refused the login: whether it was by a token that may have run out
    /// or been revoked before its time, and there is another one: the next
    /// [`Peer::credential`] has it. A token command is asked once more, and only another token
    /// than the refused one counts.
    pub fn renews(&self) -> bool {
        match self.used.take() {
            Some(token) if !token.is_new => {
                *self.refused.borrow_mut() = Some(token.secret);
                true
            }
            Some(_) => false,
            None => !self.has_asked_again.replace(true) && self.secrets.has_another_token(),
        }
    }

    /// The secret as the first source has it; the run's end is waited for, too, as a person or a
    /// command may take any time.
    async fn sought(&self, context: &Context) -> Result<Result<Found, credentials::Error>> {
        if let Some(found) = self.secrets.known() {
            return Ok(Ok(found));
        }
        let _echo = Echo::of_terminal();
        let search = tokio::task::spawn_blocking(self.secrets.search());
        let stop = &context.net.stop;
        let found = stop.unless(async { Ok::<_, anyhow::Error>(search.await?) }).await?;
        match &found {
            Ok(found) => self.secrets.keep(found),
            // Ctrl-C ends the typing as well.
            Err(_) => stop.check()?,
        }
        Ok(found)
    }

    async fn secret(&self, context: &Context) -> Result<CredentialSecret> {
        let key = (self.endpoint.to_string(), self.user.clone().unwrap_or_default());
        let sought = match context.had.of(&key) {
            Some(found) => Ok(found),
            None => self.sought(context).await?,
        };
        let found = match sought {
            // Nobody gave a password: a Kerberos ticket does without one.
            Err(error) if error.is_missing() && self.mechanism.is_none() && sasl::has_ticket() => {
                return Ok(CredentialSecret::None);
            }
            found => found?,
        };
        if matches!(found.origin, Origin::Descriptor(_) | Origin::Prompt) {
            // Further connections cannot ask for it again.
            context.had.keep(key, &found);
        }
        if found.origin == Origin::Url {
            report::warning(
                "a password inside a URL can be seen by others: use --password-command",
            );
        }
        context.debug(|| {
            let user = self.user.as_deref().unwrap_or_default();
            format!("{}: the password of {user} is from {}", self.endpoint, found.origin)
        });
        let secret = found.secret;
        context.net.redactor.learn(&secret);
        let wants_token = self.mechanism.is_some() && self.takes_token();
        Ok(match found.origin.is_token() || wants_token {
            true => CredentialSecret::Token(secret),
            false => CredentialSecret::Password(secret),
        })
    }

    /// Tells of a login by a weak mechanism.
    pub fn tell_weak(&self, mechanism: &str, context: &Context) {
        let is_weak =
            Mechanism::from_name(mechanism).map_or(mechanism == "APOP", Mechanism::is_weak);
        if is_weak && !context.quiet {
            report::warning(&format!(
                "{}: logged in by {mechanism}, which lets an eavesdropper try passwords",
                self.endpoint
            ));
        }
    }

    /// The error for a server that wants a login when nobody is known to log in.
    pub fn no_user(&self) -> Failure {
        Failure::new(Exit::NoPermission, format!("no user name for {}", self.endpoint))
            .hint("put it into the URL (imaps://USER@host/), or give --user")
    }
}

/// How TLS is spoken with servers that no account is for.
///
/// # Errors
/// [`Failure`] for a file that cannot be read, and options that cannot be followed.
pub fn tls_settings(options: &EndpointOptions) -> Result<tls::Settings> {
    settings(None, options)
}

/// How TLS is spoken, by the options and the account.
pub(super) fn settings(
    account: Option<&Account>,
    options: &EndpointOptions,
) -> Result<tls::Settings> {
    let keys = account.map(|account| account.tls.clone()).unwrap_or_default();
    let insecure = options.insecure || keys.insecure == Some(true);
    let pins = if options.pins.is_empty() { &keys.pins } else { &options.pins };
    let ca_file = options.ca_file.as_ref().or(keys.ca_file.as_ref());
    let verify = if insecure {
        report::warning("the server's certificate is not verified: anybody can be behind it");
        Verify::Nothing
    } else if !pins.is_empty() {
        Verify::Pins(pins.iter().map(|pin| self::pin(pin)).collect::<Result<_>>()?)
    } else if let Some(path) = ca_file {
        roots(path)?
    } else {
        Verify::System
    };
    let identity = match options.client_cert.as_ref().or(keys.client_cert.as_ref()) {
        None => None,
        Some(path) => {
            let certificate = read(path)?;
            let password = std::env::var(CONTAINER_VARIABLE).unwrap_or_default();
            let is_pem = memchr::memmem::find(&certificate, b"-----BEGIN").is_some();
            Some(if is_pem {
                let key = match options.client_key.as_ref().or(keys.client_key.as_ref()) {
                    Some(path) => read(path)?,
                    None => certificate.clone(),
                };
                tls::Identity::Pem { chain: certificate, key, password }
            } else {
                tls::Identity::Pkcs12 { container: certificate, password }
            })
        }
    };
    Ok(tls::Settings {
        backend: options.tls_backend.or(keys.backend).unwrap_or_default(),
        min: options.tls_min.or(keys.min).unwrap_or(tls::Version::Tls12),
        verify,
        identity,
    })
}

/// The certificates of a `--ca-file`, and nobody else's.
///
/// # Errors
/// [`Failure`] for a file that cannot be read (66) or holds none (78).
pub(super) fn roots(path: &std::path::Path) -> Result<Verify> {
    let pem = read(path)?;
    let roots = tls::read_pem_certificates(&pem)
        .map_err(|error| Failure::new(Exit::Config, format!("{}: {error}", path.display())))?;
    Ok(Verify::Roots(roots))
}

fn read(path: &std::path::Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        Failure::new(Exit::NoInput, format!("cannot read {}: {error}", path.display())).into()
    })
}

/// `sha256:` and 32 octets in hex or base64.
fn pin(text: &str) -> Result<[u8; 32]> {
    use base64::Engine as _;
    let wrong = || {
        Failure::usage(format!("{text:?} is no pin"))
            .hint("a pin is sha256: and the hash of the public key in hex or base64")
    };
    let hash =
        text.strip_prefix("sha256:").or_else(|| text.strip_prefix("sha256//")).ok_or_else(wrong)?;
    let octets = if hash.len() == 64 && hash.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        (0..32).map(|n| u8::from_str_radix(&hash[2 * n..2 * n + 2], 16).unwrap_or(0)).collect()
    } else {
        base64::engine::general_purpose::STANDARD.decode(hash).map_err(|_| wrong())?
    };
    octets.try_into().map_err(|_| wrong().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_in_hex_and_in_base64() {
        let hex = format!("sha256:{}", "0f".repeat(32));
        assert_eq!(pin(&hex).expect("hex"), [0x0f; 32]);
        let base64 = "sha256:Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8=";
        assert_eq!(pin(base64).expect("base64"), [0x0f; 32]);
        assert!(pin("0f").is_err());
        assert!(pin("sha256:0f").is_err());
    }
}
