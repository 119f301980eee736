//! An account's tokens: stored with when they run out, renewed by one process at a time.

use std::cell::RefCell;
use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::assertion::Key;
use super::endpoint::{Asker, seconds, text};
use super::{Error, Flow, Provider, Settings, Web, browser, device};
use crate::base::secret::Secret;
use crate::keyring::{Item, Keyring};
use crate::state;

/// A token that runs out within that many seconds is renewed: the server's clock may be ahead,
/// and the login takes its time.
const MARGIN: u64 = 60;

/// What a token lives where the provider does not say, in seconds.
const LIFETIME: u64 = 300;

/// How long another process may take to renew.
const BUSY: Duration = Duration::from_secs(90);

/// Between two looks at the lock.
const PAUSE: Duration = Duration::from_millis(20);

/// Longest token, in octets.
const TOKEN_OCTETS: usize = 24 * 1024;

/// What is stored for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tokens {
    access: Secret,
    /// Seconds since 1970.
    expires: u64,
    refresh: Option<Secret>,
    /// Whose they are: other tokens than the configuration's are none.
    provider: String,
    client_id: String,
    user: String,
}

/// An access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token itself.
    pub secret: Secret,
    /// Nobody has used it before us: that a server refuses it has another reason than age.
    pub is_new: bool,
}

impl Tokens {
    /// What a token endpoint says (RFC 6749 section 5.1). `before`: what a refresh renews.
    fn of_answer(
        answer: &Map<String, Value>,
        settings: &Settings,
        now: u64,
        before: Option<&Tokens>,
    ) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Answer {
            url: settings.provider().to_owned(),
            what: format!("its answer {what}"),
            transient: false,
        };
        let token = |name: &str| match text(answer, name) {
            Some(token) if token.len() > TOKEN_OCTETS => Err(wrong(&format!("has a huge {name}"))),
            other => Ok(other.map(Secret::new)),
        };
        let access = token("access_token")?.ok_or_else(|| wrong("has no access_token"))?;
        if text(answer, "token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(wrong("has a token that is no bearer's"));
        }
        let lifetime = seconds(answer, "expires_in").unwrap_or(LIFETIME);
        Ok(Self {
            access,
            expires: now.saturating_add(lifetime),
            // RFC 6749 section 6: without a new one, the old one stays.
            refresh: token("refresh_token")?
                .or_else(|| before.and_then(|tokens| tokens.refresh.clone())),
            provider: settings.provider().to_owned(),
            client_id: settings.client_id.clone(),
            user: settings.user.clone().unwrap_or_default(),
        })
    }

    fn to_secret(&self) -> Secret {
        let text = |secret: &Secret| secret.expose_str().unwrap_or_default().to_owned();
        let object = json!({
            "access_token": text(&self.access),
            "expires_at": self.expires,
            "refresh_token": self.refresh.as_ref().map(text),
            "provider": self.provider,
            "client_id": self.client_id,
            "user": self.user,
        });
        Secret::new(object.to_string())
    }

    fn of_secret(secret: &Secret) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(secret.expose()).ok()?;
        let whole = |name| object.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            access: Secret::new(text(&object, "access_token").unwrap_or_default()),
            expires: object.get("expires_at").and_then(Value::as_u64)?,
            refresh: text(&object, "refresh_token").map(Secret::new),
            provider: whole("provider")?,
            client_id: whole("client_id")?,
            user: whole("user")?,
        })
    }

    fn is_of(&self, settings: &Settings) -> bool {
        // A person's token can be good for other mailboxes than the person's own; the one of a
        // service account speaks for one user.
        let for_user = settings.keys.flow == Some(Flow::ServiceAccount);
        self.provider == settings.provider()
            && self.client_id == settings.client_id
            && (!for_user || self.user == settings.user.as_deref().unwrap_or_default())
    }

    /// Whether the access token will do: long enough to go, and not the one refused.
    fn will_do(&self, now: u64, refused: Option<&Secret>) -> bool {
        !self.access.is_empty()
            && self.expires > now.saturating_add(MARGIN)
            && refused != Some(&self.access)
    }
}

impl Settings {
    fn provider(&self) -> &str {
        self.keys.provider.as_deref().unwrap_or_default()
    }

    fn login_needed(&self, why: impl Into<String>) -> Error {
        Error::LoginNeeded { account: self.account.clone(), why: why.into() }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Where an account's tokens come from.
pub struct Source {
    settings: Settings,
    keyring: Keyring,
    /// What the keyring said last: it is asked once a run.
    known: RefCell<Option<Tokens>>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Source {
    /// Asks nobody yet.
    pub fn new(settings: Settings, keyring: Keyring) -> Self {
        Self { settings, keyring, known: RefCell::new(None) }
    }

    /// A valid token: the stored one, or a new one where that has run out, or is the one that a
    /// server has `refused`. Of several processes one renews and the others wait for it.
    ///
    /// # Errors
    /// [`Error::LoginNeeded`] when only a person can help, and all of [`Error`].
    pub async fn token(&self, refused: Option<&Secret>, web: &Web<'_>) -> Result<Token, Error> {
        let learn = |tokens: &Tokens| {
            web.options.redactor.learn(&tokens.access);
            if let Some(refresh) = &tokens.refresh {
                web.options.redactor.learn(refresh);
            }
        };
        let known = self.known.borrow().clone();
        if let Some(tokens) = known.filter(|tokens| tokens.will_do(now(), refused)) {
            return Ok(Token { secret: tokens.access, is_new: false });
        }
        if let Some(tokens) = self.stored().await?.0 {
            learn(&tokens);
            if tokens.will_do(now(), refused) {
                *self.known.borrow_mut() = Some(tokens.clone());
                return Ok(Token { secret: tokens.access, is_new: false });
            }
        }
        let _lock = self.lock().await?;
        // Another process may have renewed while we waited for the lock.
        let (stored, trouble) = self.stored().await?;
        if let Some(tokens) = stored.as_ref().filter(|tokens| tokens.will_do(now(), refused)) {
            learn(tokens);
            *self.known.borrow_mut() = Some(tokens.clone());
            return Ok(Token { secret: tokens.access.clone(), is_new: true });
        }
        let tokens = self.renewed(stored, trouble, web).await?;
        learn(&tokens);
        // Before anything else: a provider that rotates knows the old one no more.
        self.store(&tokens).await?;
        Ok(Token { secret: tokens.access, is_new: true })
    }

    async fn renewed(
        &self,
        stored: Option<Tokens>,
        trouble: Option<String>,
        web: &Web<'_>,
    ) -> Result<Tokens, Error> {
        let settings = &self.settings;
        let of = |answer: &Map<String, Value>| Tokens::of_answer(answer, settings, now(), None);
        if let Some(Flow::ServiceAccount) = settings.keys.flow {
            let provider = Provider::find(&settings.keys, web).await?;
            return of(&self.assert(&provider, web).await?);
        }
        if let Some(Flow::ClientCredentials) = settings.keys.flow {
            let provider = Provider::find(&settings.keys, web).await?;
            return of(&self.own(&provider, web).await?);
        }
        let Some(stored) = stored else {
            return Err(settings.login_needed(match trouble {
                Some(words) => format!("no tokens are stored, and the keyring says: {words}"),
                None => "no tokens are stored".to_owned(),
            }));
        };
        let Some(refresh) = &stored.refresh else {
            return Err(settings.login_needed("its token is not valid any more"));
        };
        let provider = Provider::find(&settings.keys, web).await?;
        let asker = Asker::new(settings, &provider)?;
        let refresh = Zeroizing::new(refresh.expose_str().unwrap_or_default().to_owned());
        let parameters = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        match asker.post(&provider.token, &parameters, web).await {
            Ok(answer) => Tokens::of_answer(&answer, settings, now(), Some(&stored)),
            // RFC 6749 section 5.2: expired, revoked, or another client's.
            Err(Error::Refused { error, description, .. }) if error == "invalid_grant" => {
                let words = description.unwrap_or_else(|| "the refresh token is not valid".into());
                Err(settings.login_needed(format!("the provider says: {words}")))
            }
            Err(error) => Err(error),
        }
    }

    async fn own(&self, provider: &Provider, web: &Web<'_>) -> Result<Map<String, Value>, Error> {
        let scope = provider.own_scopes.join(" ");
        let mut parameters = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            parameters.push(("scope", &scope));
        }
        Asker::new(&self.settings, provider)?.post(&provider.token, &parameters, web).await
    }

    async fn assert(
        &self,
        provider: &Provider,
        web: &Web<'_>,
    ) -> Result<Map<String, Value>, Error> {
        let path = self.settings.keys.key_file.as_ref().ok_or_else(|| {
            Error::Setting("flow = \"service-account\" needs a key-file".to_owned())
        })?;
        let scope = provider.own_scopes.join(" ");
        Key::read(path)?.exchange(self.settings.user.as_deref(), &scope, now(), web).await
    }

    /// Comes by the first tokens, with a person's help where the flow wants one, and stores
    /// them; where they are stored. What the person has to do is told by `tell`.
    ///
    /// # Errors
    /// [`Error::NotGranted`], and all of [`Error`].
    pub async fn login(
        &self,
        flow: Option<Flow>,
        web: &Web<'_>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<String, Error> {
        let settings = &self.settings;
        let provider = Provider::find(&settings.keys, web).await?;
        let answer = match flow.unwrap_or(provider.flow) {
            Flow::Device => {
                let asker = Asker::new(settings, &provider)?;
                device::run(&provider, &asker, web, tell).await?
            }
            Flow::Browser => {
                let asker = Asker::new(settings, &provider)?;
                let user = settings.user.as_deref();
                browser::run(&provider, &asker, &settings.client_id, user, web, tell).await?
            }
            Flow::ClientCredentials => self.own(&provider, web).await?,
            Flow::ServiceAccount => self.assert(&provider, web).await?,
        };
        let tokens = Tokens::of_answer(&answer, settings, now(), None)?;
        let _lock = self.lock().await?;
        self.store(&tokens).await
    }

    /// Deletes the tokens, and tells the provider where it can be told (RFC 7009); whether
    /// there were any. They are deleted here even where the provider cannot be reached.
    ///
    /// # Errors
    /// All of [`Error`].
    pub async fn logout(&self, web: &Web<'_>) -> Result<bool, Error> {
        let _lock = self.lock().await?;
        let (stored, _) = self.stored().await?;
        let (keyring, item) = (self.keyring.clone(), self.item());
        let was_there = blocking(move || keyring.delete(&item)).await??;
        *self.known.borrow_mut() = None;
        if let Some(tokens) = stored {
            self.revoke(&tokens, web).await?;
        }
        Ok(was_there)
    }

    async fn revoke(&self, tokens: &Tokens, web: &Web<'_>) -> Result<(), Error> {
        let provider = Provider::find(&self.settings.keys, web).await?;
        let Some(endpoint) = &provider.revocation else { return Ok(()) };
        let asker = Asker::new(&self.settings, &provider)?;
        let all =
            [("refresh_token", tokens.refresh.as_ref()), ("access_token", Some(&tokens.access))];
        for (kind, token) in all {
            let Some(token) = token.and_then(Secret::expose_str) else { continue };
            let parameters = [("token", token), ("token_type_hint", kind)];
            match asker.post(endpoint, &parameters, web).await {
                // RFC 7009 section 2.2: the answer to success has no meaning of its own; and a
                // provider that revokes both at once may not know the second any more.
                Ok(_) | Err(Error::Answer { transient: false, .. } | Error::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn item(&self) -> Item {
        Item::Tokens { account: self.settings.account.clone() }
    }

    /// The stored tokens of this client and user, and what the keyring says where it fails.
    async fn stored(&self) -> Result<(Option<Tokens>, Option<String>), Error> {
        let (keyring, item) = (self.keyring.clone(), self.item());
        let search = blocking(move || keyring.search(&item)).await??;
        let tokens = search.found.as_ref().and_then(Tokens::of_secret);
        Ok((tokens.filter(|tokens| tokens.is_of(&self.settings)), search.trouble))
    }

    async fn store(&self, tokens: &Tokens) -> Result<String, Error> {
        let (keyring, item, secret) = (self.keyring.clone(), self.item(), tokens.to_secret());
        let place = blocking(move || keyring.store(&item, &secret)).await??;
        *self.known.borrow_mut() = Some(tokens.clone());
        Ok(place)
    }

    /// Waits until no other process renews this account's tokens.
    async fn lock(&self) -> Result<File, Error> {
        use crate::store::durable::{Durability, create_folder};
        let folder = state::folder()?;
        let path = folder.join(format!("tokens-{}.lock", self.settings.account));
        let local = |source| Error::Local { what: path.display().to_string(), source };
        create_folder(&folder, Durability::Fast).map_err(local)?;
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(local)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(local(source)),
                Err(TryLockError::WouldBlock) if begun.elapsed() > BUSY => {
                    let account = self.settings.account.clone();
                    return Err(Error::Busy { account, seconds: BUSY.as_secs() });
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Runs what blocks (and may ask a person) beside the connections of this thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Local {
        what: "the keyring".to_owned(),
        source: std::io::Error::other(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::Keys;

    fn settings(client_id: &str) -> Settings {
        Settings {
            account: "work".into(),
            keys: Keys { provider: Some("https://id.test".into()), ..Keys::default() },
            client_id: client_id.into(),
            client_secret: Box::new(|| Ok(None)),
            user: Some("ann@id.test".into()),
        }
    }

    fn answer(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).expect("an object")
    }

    fn of(text: &str, before: Option<&Tokens>) -> Result<Tokens, Error> {
        Tokens::of_answer(&answer(text), &settings("c"), 1000, before)
    }

    #[test]
    fn tokens_are_kept_as_they_came() {
        let first = of(
            r#"{"access_token":"a1","token_type":"Bearer","expires_in":600,"refresh_token":"r1"}"#,
            None,
        )
        .expect("tokens");
        assert_eq!(Tokens::of_secret(&first.to_secret()), Some(first.clone()));
        assert!(first.is_of(&settings("c")) && !first.is_of(&settings("d")));
        assert!(!format!("{first:?}").contains("a1"));
        // Rotated, and not.
        let rotated = of(r#"{"access_token":"a2","refresh_token":"r2"}"#, Some(&first));
        assert_eq!(rotated.expect("tokens").refresh, Some(Secret::new("r2")));
        let kept = of(r#"{"access_token":"a2"}"#, Some(&first)).expect("tokens");
        assert_eq!(kept.refresh, Some(Secret::new("r1")));
        assert_eq!(kept.expires, 1000 + LIFETIME);
    }

    #[test]
    fn a_token_is_renewed_ahead_of_its_end_and_when_refused() {
        let tokens = of(r#"{"access_token":"a","expires_in":600}"#, None).expect("tokens");
        assert!(tokens.will_do(1000, None));
        assert!(tokens.will_do(1539, None));
        assert!(!tokens.will_do(1540, None));
        assert!(!tokens.will_do(1000, Some(&Secret::new("a"))));
        assert!(tokens.will_do(1000, Some(&Secret::new("older"))));
    }

    #[test]
    fn answers_without_a_bearer_token_are_errors() {
        for text in [
            r#"{"expires_in":1}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
        ] {
            assert!(of(text, None).is_err(), "{text}");
        }
        let huge = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(TOKEN_OCTETS + 1));
        assert!(of(&huge, None).is_err());
    }
}
