//! OpenSSL's library, loaded when TLS first needs it, and not with the program.
//!
//! Most runs never speak by it: rustls is what connects by default. Yet to map the library, to
//! bind its thousands of names and to run its constructors takes longer than to hand over a
//! message. ELF has no word for "load this later", so each function that the `openssl` crate calls
//! is defined here, as a jump through a table that is filled on the first call, as a procedure
//! linkage table does it. The linker then has nothing left to look for in the shared library.
//!
//! A function that is not in the list is bound as ever, with the program: nothing but the time of
//! the start depends on the list being whole. Other processors, other systems, OpenSSL built in and
//! OpenSSL 1.1 go without this module (`build.rs`).

use std::ffi::{CStr, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// The library by the name that stays the same as long as its functions do. It brings libcrypto.
const LIBRARY: &str = "libssl.so.3";

macro_rules! functions {
    ($($name:ident,)+) => {
        /// The place of each function in the table.
        #[expect(non_camel_case_types, reason = "the functions' own names")]
        #[derive(Clone, Copy)]
        enum Place {
            $($name,)+
        }

        const NAMES: &[&CStr] = &[
            // What `concat!` ends with NUL holds none before.
            $(match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!("a name is no C string"),
            },)+
        ];

        $(
            /// Passes its arguments on, untouched, wherever they stand.
            #[unsafe(no_mangle)]
            #[unsafe(naked)]
            unsafe extern "C" fn $name() {
                core::arch::naked_asm!(
                    // The library itself is to call its own functions, and not these.
                    concat!(".hidden ", stringify!($name)),
                    "mov rax, qword ptr [rip + {table} + {offset}]",
                    "test rax, rax",
                    "je 2f",
                    "jmp rax",
                    "2:",
                    // The registers that hold arguments (System V ABI), and the stack on 16.
                    "push rdi",
                    "push rsi",
                    "push rdx",
                    "push rcx",
                    "push r8",
                    "push r9",
                    "sub rsp, 8",
                    "mov edi, {place}",
                    "call {first_call}",
                    "add rsp, 8",
                    "pop r9",
                    "pop r8",
                    "pop rcx",
                    "pop rdx",
                    "pop rsi",
                    "pop rdi",
                    "jmp rax",
                    table = sym TABLE,
                    offset = const Place::$name as usize * size_of::<usize>(),
                    place = const Place::$name as usize,
                    first_call = sym first_call,
                )
            }
        )+
    };
}

functions! {
    BIO_clear_flags, BIO_ctrl, BIO_free_all, BIO_get_data, BIO_meth_free, BIO_meth_new,
    BIO_meth_set_create, BIO_meth_set_ctrl, BIO_meth_set_destroy, BIO_meth_set_puts,
    BIO_meth_set_read, BIO_meth_set_write, BIO_new, BIO_new_mem_buf, BIO_s_mem, BIO_set_data,
    BIO_set_flags, BIO_set_init, BN_free, BN_new, BN_set_word, CRYPTO_get_ex_new_index, DH_free,
    ERR_get_error_all, ERR_lib_error_string, ERR_reason_error_string, EVP_PKCS82PKEY, EVP_PKEY_free,
    EVP_PKEY_new, EVP_PKEY_set1_RSA, OPENSSL_init_ssl, OPENSSL_sk_free, OPENSSL_sk_num,
    OPENSSL_sk_pop, OPENSSL_sk_value, OpenSSL_version_num, PEM_read_bio_DHparams,
    PEM_read_bio_PrivateKey, PEM_read_bio_X509, PKCS12_free, PKCS12_parse, PKCS8_PRIV_KEY_INFO_free,
    RSA_free, RSA_generate_key_ex, RSA_new, SSL_CIPHER_standard_name, SSL_CTX_clear_options,
    SSL_CTX_ctrl, SSL_CTX_free, SSL_CTX_get_cert_store, SSL_CTX_load_verify_locations, SSL_CTX_new,
    SSL_CTX_set_cert_store, SSL_CTX_set_cipher_list, SSL_CTX_set_ciphersuites,
    SSL_CTX_set_default_verify_paths, SSL_CTX_set_options, SSL_CTX_set_security_level,
    SSL_CTX_set_verify, SSL_CTX_up_ref, SSL_CTX_use_PrivateKey, SSL_CTX_use_certificate, SSL_accept,
    SSL_connect, SSL_ctrl, SSL_do_handshake, SSL_export_keying_material, SSL_free, SSL_get0_param,
    SSL_get1_peer_certificate, SSL_get_current_cipher, SSL_get_error, SSL_get_ex_data,
    SSL_get_ex_data_X509_STORE_CTX_idx, SSL_get_finished, SSL_get_peer_cert_chain,
    SSL_get_peer_finished, SSL_get_rbio, SSL_get_verify_result, SSL_get_version, SSL_new,
    SSL_read_ex, SSL_session_reused, SSL_set_bio, SSL_set_ex_data, SSL_set_verify, SSL_shutdown,
    SSL_version, SSL_write_ex, TLS_client_method, TLS_method, TLS_server_method,
    X509_STORE_CTX_get0_chain, X509_STORE_CTX_get_current_cert, X509_STORE_CTX_get_error,
    X509_STORE_CTX_get_ex_data, X509_STORE_add_cert, X509_STORE_free, X509_STORE_new,
    X509_STORE_set_flags, X509_VERIFY_PARAM_set1_host, X509_VERIFY_PARAM_set1_ip,
    X509_VERIFY_PARAM_set_hostflags, X509_free, X509_get_issuer_name, X509_get_subject_name,
    X509_up_ref, X509_verify_cert_error_string, d2i_AutoPrivateKey, d2i_PKCS12,
    d2i_PKCS8_PRIV_KEY_INFO, d2i_X509, i2d_PKCS8PrivateKey_bio, i2d_RSAPublicKey, i2d_X509,
    i2d_X509_NAME,
}

/// Where each function is; null before the library is loaded.
static TABLE: [AtomicPtr<c_void>; NAMES.len()] =
    [const { AtomicPtr::new(null_mut()) }; NAMES.len()];

/// Loads the library, if that has not been done; the functions can be called behind it.
///
/// # Errors
/// In the loader's words, when the library is not there or lacks a function.
pub(super) fn load() -> Result<(), String> {
    static LOADING: Mutex<bool> = Mutex::new(false);
    let mut is_loaded = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if *is_loaded {
        return Ok(());
    }
    // SAFETY: OpenSSL's constructors ask nothing of those who load it.
    let library = unsafe { Library::open(Some(LIBRARY), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| format!("OpenSSL cannot be loaded: {error}"))?;
    let mut found = [null_mut(); NAMES.len()];
    for (name, place) in NAMES.iter().zip(&mut found) {
        // SAFETY: the symbol is taken for an address, and not used as anything else here.
        let symbol = unsafe { library.get::<*mut c_void>(name.to_bytes_with_nul()) };
        *place = symbol.map_err(|error| format!("{LIBRARY}: {error}"))?.into_raw();
    }
    for (place, address) in TABLE.iter().zip(found) {
        place.store(address, Ordering::Release);
    }
    // It stays: the table points into it.
    std::mem::forget(library);
    *is_loaded = true;
    Ok(())
}

/// A function is called whose library was not asked for by [`load`].
extern "C" fn first_call(place: usize) -> *mut c_void {
    if let Err(error) = load() {
        // There is no result that each of the functions could give to say so.
        panic!("{error}");
    }
    TABLE[place].load(Ordering::Acquire)
}
