use super::*;
use crate::base::decode::Decoded;
use crate::net::Wire;

fn url(text: &str) -> Url {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn urls_are_read_and_written() {
    for (text, host, port, target) in [
        ("https://Example.test/a?b=c#d", "example.test", 443, "/a?b=c"),
        ("http://example.test", "example.test", 80, "/"),
        ("http://example.test?x", "example.test", 80, "/?x"),
        ("https://[::1]:8443/x", "::1", 8443, "/x"),
    ] {
        let url = url(text);
        assert_eq!((url.host.as_str(), url.port, url.target.as_str()), (host, port, target));
        assert_eq!(url.to_string().parse::<Url>().expect("its own"), url);
    }
    for wrong in [
        "example.test",
        "ftp://x/",
        "https:///x",
        "https://u@x/",
        "https://x/a b",
        "https://x/\r\nHost: y",
        "https://x:port/",
        "https://x:70000/",
        "https://[::1/",
    ] {
        assert!(wrong.parse::<Url>().is_err(), "{wrong}");
    }
}

#[test]
fn locations_are_joined() {
    let base = url("https://a.test:444/x/y?z=/q");
    for (location, joined) in [
        ("/k", "https://a.test:444/k"),
        ("k?l", "https://a.test:444/x/k?l"),
        ("//b.test/k", "https://b.test/k"),
        ("http://b.test/", "http://b.test/"),
    ] {
        assert_eq!(base.join(location).expect("joins").to_string(), joined);
    }
}

#[test]
fn a_head_asks_for_more_at_every_prefix() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=x\r\nA:b\r\n\r\nbody";
    let Ok(Decoded::Done { value, used }) = Head::decode(whole) else { panic!("whole") };
    assert_eq!(&whole[used..], b"body");
    assert_eq!(value.status, 200);
    assert_eq!(field(&value.fields, "content-type"), Some("text/plain; charset=x"));
    for end in 0..used {
        assert_eq!(Head::decode(&whole[..end]), Ok(Decoded::More), "{end}");
    }
}

#[test]
fn what_is_no_head_is_refused() {
    for wrong in [
        &b"HTTP/2 200 OK\r\n"[..],
        b"220 mail.example.test ESMTP\r\n",
        b"HTTP/1.1 99 x\r\n",
        b"HTTP/1.1 2000\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\0c\r\n",
    ] {
        assert!(Head::decode(wrong).is_err(), "{:?}", String::from_utf8_lossy(wrong));
    }
}

fn answered(answer: &'static [u8], limit: usize) -> Result<Vec<u8>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let (mut near, mut far) = Wire::duplex(1 << 16);
        far.queue(answer);
        far.flush().await.expect("written");
        far.shutdown().await.expect("ended");
        let head = read_head(&mut near).await?;
        read_body(&mut near, &head, limit).await
    })
}

#[test]
fn bodies_end_where_they_say() {
    for (answer, body) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef"[..], &b"abc"[..]),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n",
            b"abc0123456789",
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nup to the end", b"up to the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ] {
        assert_eq!(answered(answer, 100).expect("whole"), body);
    }
}

#[test]
fn bodies_that_are_cut_too_large_or_malformed_are_errors() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nabc"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n",
    ] {
        assert!(answered(answer, 50).is_err(), "{}", String::from_utf8_lossy(answer));
    }
}

#[test]
fn fields_cannot_smuggle_lines() {
    let request = |name: &str, value: &str| Request::get(url("https://x/")).field(name, value);
    assert!(request("A", "b").head(&url("https://x/")).is_ok());
    assert!(request("A", "b\r\nC: d").head(&url("https://x/")).is_err());
    assert!(request("A: b\r\nC", "d").head(&url("https://x/")).is_err());
    let secret = Request::get(url("https://x/"))
        .secret_field("Authorization", Secret::new("Bearer hunter22"));
    let lines = secret.head(&url("https://x/")).expect("written");
    assert!(lines.iter().any(|(line, is_secret)| *is_secret && line.ends_with(b"hunter22\r\n")));
    assert!(!format!("{secret:?}").contains("hunter22"));
}
