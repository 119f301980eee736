//! Servers of line-based protocols that tests write down word for word: SMTP, POP3 and NNTP.

use std::time::Duration;

use super::Wire;

/// Runs a test to its end, which is not far.
pub fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(
        async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time") },
    )
}

/// Plays a server: sends, and wants to read exactly this. A `C:` line is what the client has to
/// say in one go with the `C:` lines beside it; `~` is a line end in what the server says in one
/// go; `close` ends the connection.
async fn serve(mut wire: Wire, script: &str) {
    for line in script.lines().map(str::trim_start) {
        if line == "close" {
            return;
        }
        match line.split_once(": ") {
            Some(("S", text)) => {
                wire.queue(format!("{text}\r\n").replace('~', "\r\n").as_bytes());
                wire.flush().await.expect("the client reads");
            }
            Some(("C", text)) => {
                let length = wire.line(1 << 20).await.expect("the client speaks");
                let said = String::from_utf8_lossy(&wire.buffered()[..length]).into_owned();
                wire.consume(length);
                assert_eq!(said, format!("{text}\r\n"), "in\n{script}");
            }
            _ if line.is_empty() => {}
            _ => panic!("not a script line: {line}"),
        }
    }
    // What else the client says is an error; its end is not.
    if wire.fill().await.is_ok() {
        panic!("more than the script: {:?}", String::from_utf8_lossy(wire.buffered()));
    }
}

/// Lets a client speak to a server that plays the script.
pub async fn with_server<T>(script: &str, client: impl AsyncFnOnce(Wire) -> T) -> T {
    let (near, far) = Wire::duplex(1 << 20);
    let ((), value) = tokio::join!(serve(far, script), client(near));
    value
}
