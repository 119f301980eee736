use super::*;

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime")
        .block_on(future)
}

#[test]
fn two_pipelined_ends_never_deadlock() {
    run(async {
        const OCTETS: usize = 10 * 1024 * 1024;
        async fn talk(mut wire: Wire, says: u8, hears: u8) {
            wire.set_timeout(Duration::from_secs(20));
            wire.queue(&vec![says; OCTETS]);
            wire.flush().await.expect("writes");
            while wire.buffered().len() < OCTETS {
                wire.fill().await.expect("reads");
            }
            assert!(wire.buffered().iter().all(|&byte| byte == hears));
        }
        let (near, far) = Wire::duplex(4096);
        tokio::join!(talk(near, b'a', b'b'), talk(far, b'b', b'a'));
    });
}

#[test]
fn a_cancelled_read_loses_nothing() {
    run(async {
        let (mut near, mut far) = Wire::duplex(64);
        far.queue(b"* OK half");
        far.flush().await.expect("write");
        let cancelled = tokio::time::timeout(Duration::from_millis(20), near.line(1000)).await;
        assert!(cancelled.is_err());
        far.queue(b" and half\r\n");
        far.flush().await.expect("write");
        let length = near.line(1000).await.expect("line");
        assert_eq!(&near.buffered()[..length], b"* OK half and half\r\n");
    });
}

#[test]
fn a_line_without_end_is_refused_at_the_limit() {
    run(async {
        let (mut near, mut far) = Wire::duplex(1 << 20);
        far.queue(&vec![b'x'; 5000]);
        far.flush().await.expect("write");
        let error = near.line(4096).await.expect_err("too long");
        assert!(matches!(error, Error::LineTooLong { limit: 4096 }), "{error}");
    });
}

#[test]
fn silence_ends_at_the_deadline_and_the_end_of_stream_is_told() {
    run(async {
        let (mut near, far) = Wire::duplex(64);
        near.set_timeout(Duration::from_millis(30));
        assert!(near.fill().await.expect_err("silence").is_timeout());
        drop(far);
        assert!(near.fill().await.expect_err("end").is_closed());
    });
}

#[test]
fn buffered_plaintext_refuses_tls() {
    run(async {
        let (mut near, mut far) = Wire::duplex(1024);
        far.queue(b"220 go\r\n250 injected\r\n");
        far.flush().await.expect("write");
        let length = near.line(1000).await.expect("line");
        near.consume(length);
        let connector = Connector::new("localhost", &tls::Settings::insecure()).expect("connector");
        let error = near.start_tls(&connector).await.expect_err("refused");
        assert!(matches!(error, Error::PlaintextBehindTls { octets: 14 }), "{error}");
    });
}

/// COMPRESS=DEFLATE in miniature: a layer that flips every octet on its way.
struct Flipped {
    below: Box<dyn Stream>,
    ahead: Vec<u8>,
}

impl AsyncRead for Flipped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if !self.ahead.is_empty() {
            let octets: Vec<u8> = self.ahead.drain(..).map(|octet| !octet).collect();
            room.put_slice(&octets);
            return Poll::Ready(Ok(()));
        }
        let before = room.filled().len();
        let polled = Pin::new(&mut self.below).poll_read(context, room);
        for octet in &mut room.filled_mut()[before..] {
            *octet = !*octet;
        }
        polled
    }
}

impl AsyncWrite for Flipped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let flipped: Vec<u8> = octets.iter().map(|octet| !octet).collect();
        Pin::new(&mut self.below).poll_write(context, &flipped)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.below).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.below).poll_shutdown(context)
    }
}

#[test]
fn a_layer_gets_what_was_read_ahead_of_it() {
    run(async {
        let (mut near, mut far) = Wire::duplex(1024);
        far.queue(b"* OK go\r\n");
        far.queue(&b"first\r\n".map(|octet| !octet));
        far.flush().await.expect("write");
        let length = near.line(100).await.expect("line");
        near.consume(length);
        near.layer(|below, ahead| Box::new(Flipped { below, ahead })).await.expect("layer");
        let length = near.line(100).await.expect("line");
        assert_eq!(&near.buffered()[..length], b"first\r\n");
        near.consume(length);
        near.queue(b"answer\r\n");
        near.flush().await.expect("write");
        far.fill().await.expect("read");
        assert_eq!(far.buffered(), b"answer\r\n".map(|octet| !octet));
    });
}

#[tokio::test(flavor = "current_thread")]
async fn octets_trickle() {
    let (mut near, mut far) = Wire::duplex(1 << 10);
    near.queue(b"at once ");
    let start = std::time::Instant::now();
    near.trickle(b"a hundred milliseconds in all.", false, 300).await.expect("written");
    assert!(start.elapsed() >= Duration::from_millis(99), "{:?}", start.elapsed());
    near.trickle(b"", true, 1).await.expect("nothing to write");
    far.fill().await.expect("read");
    assert_eq!(far.buffered(), b"at once a hundred milliseconds in all.");
}
