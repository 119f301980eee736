//! GNU SASL as a server: its library behind the least of IMAP, POP3 and submission that leads to
//! a login, over TLS by OpenSSL with both of its channel bindings.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libloading::{Library, Symbol};
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod, SslStream, SslVersion};

use super::{Authority, Leaf, Scratch, needs, skip};

/// The name of its library, from its interface 1.
const LIBRARY: &str = "libgsasl.so.18";

/// Properties and results, as `gsasl.h` numbers them.
const AUTHID: c_int = 1;
const PASSWORD: c_int = 3;
const TLS_UNIQUE: c_int = 18;
const TLS_EXPORTER: c_int = 25;
const VALIDATE_SIMPLE: c_int = 500;
const OK: c_int = 0;
const NEEDS_MORE: c_int = 1;
const AUTHENTICATION_ERROR: c_int = 31;
const NO_CALLBACK: c_int = 51;

/// Which protocol is spoken around the logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    Imap,
    Pop,
    Smtp,
}

/// What it answers, and how it is called in the client's own transcript of it.
#[derive(Debug)]
pub struct GnuSasl {
    pub port: u16,
    pub authority: Authority,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    scratch: Scratch,
}

impl GnuSasl {
    /// Starts one that speaks this, by TLS of this version alone; alice has the password
    /// `secret`. `None`: the library is not there, and the skip of `test` has been printed.
    pub fn start(test: &str, spoken: Spoken, version: SslVersion) -> Option<GnuSasl> {
        if !needs(test, &["openssl"]) {
            return None;
        }
        // SAFETY: its initialisers are those of a library that is made for this.
        let Ok(library) = (unsafe { Library::new(LIBRARY) }) else {
            skip(test, format!("not installed: {LIBRARY} (gsasl)"));
            return None;
        };
        let scratch = Scratch::new();
        let authority = Authority::new(&scratch.path().join("tls"));
        let identity = authority.issue(Leaf::Good);
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).expect("TLS");
        acceptor.set_min_proto_version(Some(version)).expect("a version");
        acceptor.set_max_proto_version(Some(version)).expect("a version");
        acceptor.set_certificate_chain_file(&identity.certificate).expect("a certificate");
        acceptor.set_private_key_file(&identity.key, SslFiletype::PEM).expect("a key");
        let acceptor = acceptor.build();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("an address").port();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let limit = Some(super::PATIENCE);
                stream.set_read_timeout(limit).expect("a time");
                // One behind the other: no client of a test has two.
                if let Ok(stream) = acceptor.accept(stream) {
                    Session::new(&library, spoken, stream).serve();
                }
            }
        });
        Some(GnuSasl { port, authority, is_over, thread: Some(thread), scratch })
    }

    /// The certificate that clients have to trust.
    pub fn ca(&self) -> PathBuf {
        self.authority.certificate()
    }
}

impl Drop for GnuSasl {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Handle = *mut c_void;
type Callback = extern "C" fn(Handle, Handle, c_int) -> c_int;

/// What the callback gives: bindings of this connection in base64.
struct Facts {
    unique: CString,
    exporter: CString,
    set: unsafe extern "C" fn(Handle, c_int, *const c_char) -> c_int,
    get: unsafe extern "C" fn(Handle, c_int) -> *const c_char,
    hook: unsafe extern "C" fn(Handle) -> Handle,
}

thread_local! {
    // The callback gets no pointer of ours but by a function of the library.
    static HOOK: std::cell::Cell<Option<unsafe extern "C" fn(Handle) -> Handle>> =
        const { std::cell::Cell::new(None) };
}

extern "C" fn callback(context: Handle, session: Handle, property: c_int) -> c_int {
    let Some(hook) = HOOK.with(std::cell::Cell::get) else { return NO_CALLBACK };
    // SAFETY: the hook is the `Facts` that outlive the context.
    let facts = unsafe { &*hook(context).cast::<Facts>() };
    // SAFETY: what it gives is a string of the session's, or null.
    let told = |property| unsafe {
        let text = (facts.get)(session, property);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_bytes().to_vec())
    };
    let value = match property {
        PASSWORD if told(AUTHID).as_deref() == Some(b"alice") => c"secret",
        TLS_UNIQUE => facts.unique.as_c_str(),
        TLS_EXPORTER => facts.exporter.as_c_str(),
        VALIDATE_SIMPLE => {
            let is_right = told(AUTHID).as_deref() == Some(b"alice")
                && told(PASSWORD).as_deref() == Some(b"secret");
            return if is_right { OK } else { AUTHENTICATION_ERROR };
        }
        _ => return NO_CALLBACK,
    };
    // SAFETY: a session that is alive, and a string that the library copies.
    unsafe { (facts.set)(session, property, value.as_ptr()) };
    OK
}

struct Session<'l> {
    library: &'l Library,
    spoken: Spoken,
    stream: BufReader<SslStream<TcpStream>>,
    facts: Box<Facts>,
    context: Handle,
    tag: String,
}

impl<'l> Session<'l> {
    fn new(library: &'l Library, spoken: Spoken, stream: SslStream<TcpStream>) -> Self {
        let mut exporter = [0; 32];
        let ssl = stream.ssl();
        ssl.export_keying_material(&mut exporter, "EXPORTER-Channel-Binding", None)
            .expect("an export");
        let mut finished = [0; 64];
        let length = ssl.peer_finished(&mut finished);
        let text = |octets: &[u8]| CString::new(STANDARD.encode(octets)).expect("base64");
        // TLS 1.3 has no tls-unique, TLS 1.2 the exporter only where both sides extend the
        // master secret; GNU SASL takes tls-exporter where it has it.
        let is_new = ssl.version_str() == "TLSv1.3";
        let (unique, exporter) = match is_new {
            true => (CString::default(), text(&exporter)),
            false => (text(&finished[..length]), CString::default()),
        };
        // SAFETY: the signatures are those of gsasl.h.
        let (facts, context) = unsafe {
            let facts = Box::new(Facts {
                unique,
                exporter,
                set: *symbol(library, b"gsasl_property_set"),
                get: *symbol(library, b"gsasl_property_fast"),
                hook: *symbol(library, b"gsasl_callback_hook_get"),
            });
            let init: Symbol<'_, unsafe extern "C" fn(*mut Handle) -> c_int> =
                symbol(library, b"gsasl_init");
            let mut context = ptr::null_mut();
            assert_eq!(init(&mut context), OK, "gsasl_init");
            let set_hook: Symbol<'_, unsafe extern "C" fn(Handle, Handle)> =
                symbol(library, b"gsasl_callback_hook_set");
            set_hook(context, ptr::from_ref::<Facts>(&facts).cast_mut().cast());
            let set_callback: Symbol<'_, unsafe extern "C" fn(Handle, Callback)> =
                symbol(library, b"gsasl_callback_set");
            set_callback(context, callback);
            (facts, context)
        };
        HOOK.with(|hook| hook.set(Some(facts.hook)));
        let stream = BufReader::new(stream);
        Session { library, spoken, stream, facts, context, tag: String::new() }
    }

    fn say(&mut self, line: &str) {
        // A client may have gone.
        let _ = self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes());
    }

    fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok().filter(|octets| *octets > 0)?;
        Some(line.trim_end().to_owned())
    }

    /// The mechanisms of the library; with a channel binding, -PLUS among them.
    fn offer(&self) -> Vec<String> {
        let is_bound = !self.facts.unique.is_empty() || !self.facts.exporter.is_empty();
        let mut names = vec!["SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5"];
        names.extend(["PLAIN", "LOGIN"]);
        if is_bound {
            names.extend(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]);
        }
        names.into_iter().map(str::to_owned).collect()
    }

    fn serve(mut self) {
        let with = |before: &str, names: &[String]| {
            let words: Vec<String> = names.iter().map(|name| format!("{before}{name}")).collect();
            words.join(" ")
        };
        let offer = self.offer();
        match self.spoken {
            Spoken::Imap => {
                let names = with("AUTH=", &offer);
                self.say(&format!("* OK [CAPABILITY IMAP4rev1 SASL-IR {names}] GNU SASL"));
            }
            Spoken::Pop => self.say("+OK GNU SASL"),
            Spoken::Smtp => self.say("220 localhost ESMTP GNU SASL"),
        }
        while let Some(line) = self.hear() {
            let mut words = line.split(' ');
            if self.spoken == Spoken::Imap {
                self.tag = words.next().unwrap_or_default().to_owned();
            }
            let verb = words.next().unwrap_or_default().to_uppercase();
            match (self.spoken, verb.as_str()) {
                (_, "AUTHENTICATE" | "AUTH") => {
                    let mechanism = words.next().unwrap_or_default().to_owned();
                    let initial = words.next().map(str::to_owned);
                    let is_in = self.login(&mechanism, initial);
                    self.verdict(is_in);
                }
                (Spoken::Imap, "LOGOUT") => {
                    self.say("* BYE");
                    return self.done("in order");
                }
                (Spoken::Imap, _) => self.done("nothing to tell"),
                (Spoken::Pop, "CAPA") => {
                    let names = with("", &offer);
                    self.say(&format!("+OK\r\nSASL {names}\r\nUIDL\r\n."));
                }
                (Spoken::Pop, "UIDL" | "LIST") => self.say("+OK\r\n."),
                (Spoken::Pop, "STAT") => self.say("+OK 0 0"),
                (Spoken::Pop, _) => self.say("+OK"),
                (Spoken::Smtp, "EHLO") => {
                    let names = with("", &offer);
                    self.say(&format!("250-localhost\r\n250 AUTH {names}"));
                }
                (Spoken::Smtp, "DATA") => {
                    self.say("354 go on");
                    while self.hear().is_some_and(|line| line != ".") {}
                    self.say("250 taken");
                }
                (Spoken::Smtp, "QUIT") => return self.say("221 bye"),
                (Spoken::Smtp, _) => self.say("250 fine"),
            }
        }
    }

    fn done(&mut self, words: &str) {
        let line = format!("{} OK {words}", self.tag);
        self.say(&line);
    }

    fn verdict(&mut self, is_in: bool) {
        let line = match (self.spoken, is_in) {
            (Spoken::Imap, true) => format!("{} OK in", self.tag),
            (Spoken::Imap, false) => format!("{} NO [AUTHENTICATIONFAILED] not you", self.tag),
            (Spoken::Pop, true) => "+OK in".to_owned(),
            (Spoken::Pop, false) => "-ERR [AUTH] not you".to_owned(),
            (Spoken::Smtp, true) => "235 2.7.0 in".to_owned(),
            (Spoken::Smtp, false) => "535 5.7.8 not you".to_owned(),
        };
        self.say(&line);
    }

    /// One login, all of whose words are the library's.
    fn login(&mut self, mechanism: &str, initial: Option<String>) -> bool {
        let library = self.library;
        let name = CString::new(mechanism).expect("a word");
        // SAFETY: the signatures are those of gsasl.h.
        unsafe {
            let start: Symbol<
                '_,
                unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> c_int,
            > = symbol(library, b"gsasl_server_start");
            let step: Symbol<
                '_,
                unsafe extern "C" fn(Handle, *const c_char, *mut *mut c_char) -> c_int,
            > = symbol(library, b"gsasl_step64");
            let finish: Symbol<'_, unsafe extern "C" fn(Handle)> = symbol(library, b"gsasl_finish");
            let free: Symbol<'_, unsafe extern "C" fn(*mut c_void)> =
                symbol(library, b"gsasl_free");
            let mut session = ptr::null_mut();
            if start(self.context, name.as_ptr(), &mut session) != OK {
                return false;
            }
            // `=` is an initial response of no octets.
            let mut input = initial.map(|text| if text == "=" { String::new() } else { text });
            let result = loop {
                let given = CString::new(input.take().unwrap_or_default()).expect("a line");
                let mut output = ptr::null_mut();
                let result = step(session, given.as_ptr(), &mut output);
                let challenge = match output.is_null() {
                    true => String::new(),
                    false => CStr::from_ptr(output).to_string_lossy().into_owned(),
                };
                free(output.cast());
                if result == NEEDS_MORE || (result == OK && !challenge.is_empty()) {
                    let plus = if self.spoken == Spoken::Smtp { "334 " } else { "+ " };
                    self.say(&format!("{plus}{challenge}"));
                    input = self.hear();
                    if input.as_deref() == Some("*") || input.is_none() {
                        break AUTHENTICATION_ERROR;
                    }
                }
                if result != NEEDS_MORE {
                    break result;
                }
            };
            finish(session);
            result == OK
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: the context is not used any more.
        unsafe {
            let done: Symbol<'_, unsafe extern "C" fn(Handle)> =
                symbol(self.library, b"gsasl_done");
            done(self.context);
        }
        // What the client still says is read, so that it is not reset.
        let _ = self.stream.get_mut().shutdown();
        let _ = self.stream.get_mut().get_mut().read(&mut [0; 64]);
    }
}

/// # Safety
/// The type has to be that of `gsasl.h`.
unsafe fn symbol<'l, T>(library: &'l Library, name: &[u8]) -> Symbol<'l, T> {
    // SAFETY: the caller's.
    unsafe { library.get(name) }.expect("the library has it")
}
