//! The few functions of the GSS-API (RFC 2743, C bindings of RFC 2744) that GSSAPI needs, found
//! in MIT's library at run time: no build of ours wants Kerberos headers, and no machine without
//! Kerberos wants the library.
//!
//! Everything unsafe about GSSAPI is in this file. What comes out of it is owned by Rust types
//! that give it back.

use std::ffi::{CString, c_int, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use libloading::Library;

/// `OM_uint32`
type Word = u32;

/// Names of the library, in the order in which they are tried.
const NAMES: [&str; 2] = if cfg!(target_vendor = "apple") {
    ["libgssapi_krb5.2.dylib", "/System/Library/Frameworks/GSS.framework/GSS"]
} else {
    ["libgssapi_krb5.so.2", "libgssapi_krb5.so"]
};

/// `GSS_S_CONTINUE_NEEDED`, RFC 2744 section 3.9.1.
const CONTINUE_NEEDED: Word = 1;
/// The errors among the bits of a major status.
const ERROR_BITS: Word = 0xffff_0000;
/// `GSS_C_GSS_CODE`, `GSS_C_MECH_CODE`.
const GSS_CODE: c_int = 1;
const MECH_CODE: c_int = 2;
/// `GSS_C_ACCEPT`
const ACCEPT: c_int = 2;
/// `GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG`: what RFC 4752 section 3.1 asks for.
const FLAGS: Word = 2 | 32;

/// `{1 2 840 113554 1 2 2}`, RFC 1964 section 1.
static KERBEROS: Oid = oid(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02");
/// `GSS_C_NT_HOSTBASED_SERVICE`, RFC 2743 section 4.1.
static HOST_BASED_SERVICE: Oid = oid(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04");

/// `gss_buffer_desc`
#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

impl Buffer {
    const EMPTY: Self = Self { length: 0, value: null_mut() };

    /// Lent for one call: the library reads it and keeps nothing.
    fn lent(octets: &[u8]) -> Self {
        Self { length: octets.len(), value: octets.as_ptr().cast_mut().cast() }
    }
}

/// `gss_OID_desc`; Apple packs it.
#[cfg_attr(not(target_vendor = "apple"), repr(C))]
#[cfg_attr(target_vendor = "apple", repr(C, packed(2)))]
struct Oid {
    length: Word,
    elements: *const c_void,
}

// SAFETY: the only values point at constants that nobody writes to.
unsafe impl Sync for Oid {}

const fn oid(elements: &'static [u8]) -> Oid {
    Oid { length: elements.len() as Word, elements: elements.as_ptr().cast() }
}

/// `gss_OID_set_desc`
#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

/// `gss_key_value_element_desc` and `gss_key_value_set_desc`
#[repr(C)]
struct KeyValue {
    key: *const std::ffi::c_char,
    value: *const std::ffi::c_char,
}

#[repr(C)]
struct KeyValues {
    count: Word,
    elements: *const KeyValue,
}

type Handle = *mut c_void;

/// The functions, with the library that holds them.
struct Functions {
    import_name: unsafe extern "C" fn(*mut Word, *const Buffer, *const Oid, *mut Handle) -> Word,
    display_name: unsafe extern "C" fn(*mut Word, Handle, *mut Buffer, *mut *const Oid) -> Word,
    release_name: unsafe extern "C" fn(*mut Word, *mut Handle) -> Word,
    release_buffer: unsafe extern "C" fn(*mut Word, *mut Buffer) -> Word,
    acquire_cred: unsafe extern "C" fn(
        *mut Word,
        Handle,
        Word,
        *const OidSet,
        c_int,
        *mut Handle,
        *mut Handle,
        *mut Word,
    ) -> Word,
    /// MIT's own, and absent elsewhere.
    acquire_cred_from: Option<
        unsafe extern "C" fn(
            *mut Word,
            Handle,
            Word,
            *const OidSet,
            c_int,
            *const KeyValues,
            *mut Handle,
            *mut Handle,
            *mut Word,
        ) -> Word,
    >,
    release_cred: unsafe extern "C" fn(*mut Word, *mut Handle) -> Word,
    init_sec_context: unsafe extern "C" fn(
        *mut Word,
        Handle,
        *mut Handle,
        Handle,
        *const Oid,
        Word,
        Word,
        *const c_void,
        *const Buffer,
        *mut *const Oid,
        *mut Buffer,
        *mut Word,
        *mut Word,
    ) -> Word,
    accept_sec_context: unsafe extern "C" fn(
        *mut Word,
        *mut Handle,
        Handle,
        *const Buffer,
        *const c_void,
        *mut Handle,
        *mut *const Oid,
        *mut Buffer,
        *mut Word,
        *mut Word,
        *mut Handle,
    ) -> Word,
    inquire_context: unsafe extern "C" fn(
        *mut Word,
        Handle,
        *mut Handle,
        *mut Handle,
        *mut Word,
        *mut *const Oid,
        *mut Word,
        *mut c_int,
        *mut c_int,
    ) -> Word,
    delete_sec_context: unsafe extern "C" fn(*mut Word, *mut Handle, *mut Buffer) -> Word,
    wrap: unsafe extern "C" fn(
        *mut Word,
        Handle,
        c_int,
        Word,
        *const Buffer,
        *mut c_int,
        *mut Buffer,
    ) -> Word,
    unwrap: unsafe extern "C" fn(
        *mut Word,
        Handle,
        *const Buffer,
        *mut Buffer,
        *mut c_int,
        *mut Word,
    ) -> Word,
    display_status:
        unsafe extern "C" fn(*mut Word, Word, c_int, *const Oid, *mut Word, *mut Buffer) -> Word,
    _library: Library,
}

/// What went wrong in the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// The major status without its supplementary bits.
    pub(super) major: u32,
    /// The mechanism's own status.
    pub(super) minor: u32,
    /// Both in the library's words.
    pub(super) words: String,
}

/// The library, loaded once.
///
/// # Errors
/// Why it cannot be, in the loader's words.
fn functions() -> Result<&'static Functions, Trouble> {
    static LOADED: OnceLock<Result<Functions, String>> = OnceLock::new();
    LOADED.get_or_init(load).as_ref().map_err(|words| Trouble {
        major: 0,
        minor: 0,
        words: words.clone(),
    })
}

/// Whether the library is there.
///
/// # Errors
/// Why it is not, in the loader's words.
pub(super) fn is_there() -> Result<(), String> {
    functions().map(drop).map_err(|trouble| trouble.words)
}

fn load() -> Result<Functions, String> {
    let mut words = String::new();
    for name in NAMES {
        // SAFETY: the library is the system's own, found where the loader finds libraries; its
        // initialisers are those of every program that uses Kerberos.
        match unsafe { Library::new(name) } {
            Ok(library) => return bind(library),
            Err(error) if words.is_empty() => words = error.to_string(),
            Err(_) => {}
        }
    }
    Err(words)
}

fn bind(library: Library) -> Result<Functions, String> {
    macro_rules! function {
        ($name:literal) => {
            // SAFETY: the types of the fields are those of RFC 2744 and of MIT's gssapi_ext.h.
            *unsafe { library.get(concat!($name, "\0").as_bytes()) }
                .map_err(|error| error.to_string())?
        };
    }
    Ok(Functions {
        import_name: function!("gss_import_name"),
        display_name: function!("gss_display_name"),
        release_name: function!("gss_release_name"),
        release_buffer: function!("gss_release_buffer"),
        acquire_cred: function!("gss_acquire_cred"),
        // SAFETY: as above.
        acquire_cred_from: unsafe { library.get(b"gss_acquire_cred_from\0") }
            .ok()
            .map(|symbol| *symbol),
        release_cred: function!("gss_release_cred"),
        init_sec_context: function!("gss_init_sec_context"),
        accept_sec_context: function!("gss_accept_sec_context"),
        inquire_context: function!("gss_inquire_context"),
        delete_sec_context: function!("gss_delete_sec_context"),
        wrap: function!("gss_wrap"),
        unwrap: function!("gss_unwrap"),
        display_status: function!("gss_display_status"),
        _library: library,
    })
}

impl Functions {
    /// # Errors
    /// The library's words for a status that is an error.
    fn check(&self, major: Word, minor: Word) -> Result<(), Trouble> {
        if major & ERROR_BITS == 0 {
            return Ok(());
        }
        let mut parts = vec![self.words(major, GSS_CODE), self.words(minor, MECH_CODE)];
        parts.retain(|part| !part.is_empty());
        Err(Trouble { major: major & ERROR_BITS, minor, words: parts.join(": ") })
    }

    fn words(&self, status: Word, kind: c_int) -> String {
        if status == 0 {
            return String::new();
        }
        let mut minor = 0;
        let mut more = 0;
        let mut buffer = Buffer::EMPTY;
        // SAFETY: every pointer is to a value of this frame, of the type that RFC 2744 wants.
        let major = unsafe {
            let mechanism = &raw const KERBEROS;
            (self.display_status)(&mut minor, status, kind, mechanism, &mut more, &mut buffer)
        };
        let words = self.taken(buffer);
        if major & ERROR_BITS == 0 {
            String::from_utf8_lossy(&words).into_owned()
        } else {
            String::new()
        }
    }

    /// A buffer of the library's, copied and given back.
    fn taken(&self, mut buffer: Buffer) -> Vec<u8> {
        if buffer.value.is_null() {
            return Vec::new();
        }
        // SAFETY: the library says that `length` octets are there.
        let octets =
            unsafe { std::slice::from_raw_parts(buffer.value.cast::<u8>(), buffer.length) }
                .to_vec();
        let mut minor = 0;
        // SAFETY: the buffer is the library's, and is given back once.
        unsafe { (self.release_buffer)(&mut minor, &mut buffer) };
        octets
    }

    fn name_words(&self, name: Handle) -> Result<String, Trouble> {
        let mut minor = 0;
        let mut buffer = Buffer::EMPTY;
        // SAFETY: `name` is a name that the library has made and not yet taken back.
        let major = unsafe { (self.display_name)(&mut minor, name, &mut buffer, null_mut()) };
        let words = self.taken(buffer);
        self.check(major, minor)?;
        Ok(String::from_utf8_lossy(&words).into_owned())
    }
}

/// A name, given back on drop.
struct Name(Handle, &'static Functions);

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is the library's own, or null, which it passes over.
        unsafe { (self.1.release_name)(&mut minor, &mut self.0) };
    }
}

/// The keys of an acceptor, given back on drop.
pub(super) struct Keys(Handle, &'static Functions);

impl Keys {
    /// All keys of a keytab.
    ///
    /// # Errors
    /// [`Trouble`]: no library, no such file, nothing in it.
    pub(super) fn of(keytab: &Path) -> Result<Self, Trouble> {
        let functions = functions()?;
        let trouble = |words: &str| Trouble { major: 0, minor: 0, words: words.to_owned() };
        let acquire = functions
            .acquire_cred_from
            .ok_or_else(|| trouble("this Kerberos library cannot be given a keytab"))?;
        let path = CString::new(format!("FILE:{}", keytab.display()))
            .map_err(|_| trouble("the keytab's path has a NUL"))?;
        let element = KeyValue { key: c"keytab".as_ptr(), value: path.as_ptr() };
        let store = KeyValues { count: 1, elements: &element };
        let mechanisms = OidSet { count: 1, elements: &raw const KERBEROS };
        let mut minor = 0;
        let mut handle = null_mut();
        // SAFETY: every pointer is to a value of this frame, or null where RFC 2744 allows it.
        let major = unsafe {
            acquire(
                &mut minor,
                null_mut(),
                0,
                &mechanisms,
                ACCEPT,
                &store,
                &mut handle,
                null_mut(),
                null_mut(),
            )
        };
        let keys = Self(handle, functions);
        functions.check(major, minor)?;
        Ok(keys)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is the library's own, or null, which it passes over.
        unsafe { (self.1.release_cred)(&mut minor, &mut self.0) };
    }
}

/// Whether the user has Kerberos credentials to log in with, in a cache or a keytab; that they
/// are in their time is not asked.
pub(super) fn has_credentials() -> bool {
    /// `GSS_C_INITIATE`
    const INITIATE: c_int = 1;
    let Ok(functions) = functions() else { return false };
    let mechanisms = OidSet { count: 1, elements: &raw const KERBEROS };
    let mut minor = 0;
    let mut handle = null_mut();
    // SAFETY: every pointer is to a value of this frame, or null where RFC 2744 allows it.
    let major = unsafe {
        (functions.acquire_cred)(
            &mut minor,
            null_mut(),
            0,
            &mechanisms,
            INITIATE,
            &mut handle,
            null_mut(),
            null_mut(),
        )
    };
    drop(Keys(handle, functions));
    major & ERROR_BITS == 0
}

/// A security context, given back on drop.
pub(super) struct Context {
    handle: Handle,
    functions: &'static Functions,
}

// SAFETY: RFC 2744 ties a context to no thread, and MIT's library says that distinct contexts
// may be used by distinct threads; `&mut self` keeps a context to one at a time.
unsafe impl Send for Context {}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context(..)")
    }
}

impl Context {
    /// A context that has not begun.
    ///
    /// # Errors
    /// [`Trouble`] without the library.
    pub(super) fn new() -> Result<Self, Trouble> {
        Ok(Self { handle: null_mut(), functions: functions()? })
    }

    /// One step of the initiator towards `service@host`; what to send, and whether the context
    /// stands. May wait for a KDC.
    ///
    /// # Errors
    /// [`Trouble`]
    pub(super) fn initiate(
        &mut self,
        service: &str,
        host: &str,
        token: &[u8],
    ) -> Result<(Vec<u8>, bool), Trouble> {
        let functions = self.functions;
        let text = format!("{service}@{host}");
        let mut minor = 0;
        let mut target = Name(null_mut(), functions);
        // SAFETY: the buffer outlives the call, which copies it.
        let major = unsafe {
            let kind = &raw const HOST_BASED_SERVICE;
            let text = Buffer::lent(text.as_bytes());
            (functions.import_name)(&mut minor, &text, kind, &mut target.0)
        };
        functions.check(major, minor)?;
        let mut output = Buffer::EMPTY;
        let input = Buffer::lent(token);
        // SAFETY: every pointer is to a value that outlives the call, or null where RFC 2744
        // allows it; the context is null at first and the library's own from then on.
        let major = unsafe {
            (functions.init_sec_context)(
                &mut minor,
                null_mut(),
                &mut self.handle,
                target.0,
                &raw const KERBEROS,
                FLAGS,
                0,
                null(),
                &input,
                null_mut(),
                &mut output,
                null_mut(),
                null_mut(),
            )
        };
        let answer = functions.taken(output);
        functions.check(major, minor)?;
        Ok((answer, major & CONTINUE_NEEDED == 0))
    }

    /// One step of the acceptor; what to send, and whether the context stands.
    ///
    /// # Errors
    /// [`Trouble`]
    pub(super) fn accept(&mut self, keys: &Keys, token: &[u8]) -> Result<(Vec<u8>, bool), Trouble> {
        let functions = self.functions;
        let mut minor = 0;
        let mut output = Buffer::EMPTY;
        let input = Buffer::lent(token);
        // SAFETY: as in `initiate`.
        let major = unsafe {
            (functions.accept_sec_context)(
                &mut minor,
                &mut self.handle,
                keys.0,
                &input,
                null(),
                null_mut(),
                null_mut(),
                &mut output,
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        let answer = functions.taken(output);
        functions.check(major, minor)?;
        Ok((answer, major & CONTINUE_NEEDED == 0))
    }

    /// The principals of a context that stands: the initiator's and the acceptor's.
    ///
    /// # Errors
    /// [`Trouble`]
    pub(super) fn principals(&self) -> Result<(String, String), Trouble> {
        let functions = self.functions;
        let mut minor = 0;
        let mut initiator = Name(null_mut(), functions);
        let mut acceptor = Name(null_mut(), functions);
        // SAFETY: the context is the library's own; null stands for what is not asked.
        let major = unsafe {
            (functions.inquire_context)(
                &mut minor,
                self.handle,
                &mut initiator.0,
                &mut acceptor.0,
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        functions.check(major, minor)?;
        Ok((functions.name_words(initiator.0)?, functions.name_words(acceptor.0)?))
    }

    /// A message with its integrity protected, not hidden.
    ///
    /// # Errors
    /// [`Trouble`]
    pub(super) fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Trouble> {
        let mut minor = 0;
        let mut output = Buffer::EMPTY;
        let input = Buffer::lent(message);
        // SAFETY: the context is the library's own, and the buffers outlive the call.
        let major = unsafe {
            let confidential = null_mut();
            (self.functions.wrap)(&mut minor, self.handle, 0, 0, &input, confidential, &mut output)
        };
        let wrapped = self.functions.taken(output);
        self.functions.check(major, minor)?;
        Ok(wrapped)
    }

    /// The message of the other side.
    ///
    /// # Errors
    /// [`Trouble`]
    pub(super) fn unwrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Trouble> {
        let mut minor = 0;
        let mut output = Buffer::EMPTY;
        let input = Buffer::lent(message);
        // SAFETY: as in `wrap`.
        let major = unsafe {
            (self.functions.unwrap)(
                &mut minor,
                self.handle,
                &input,
                &mut output,
                null_mut(),
                null_mut(),
            )
        };
        let message = self.functions.taken(output);
        self.functions.check(major, minor)?;
        Ok(message)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is the library's own, or null, which it passes over.
        unsafe { (self.functions.delete_sec_context)(&mut minor, &mut self.handle, null_mut()) };
    }
}
