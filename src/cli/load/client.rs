//! One keep-alive connection: sends rendered requests, reads replies that have a length.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::BenchError;
use super::template::{render_get, render_post};

/// First size of the reply buffer: every reply of a load fits.
const BUFFER_LEN: usize = 8 * 1024;
/// Longest reply read, for the lists that preparation looks at.
const REPLY_LEN_MAX: usize = 8 * 1024 * 1024;

/// Where a server is: the `HOST:PORT` of `http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    authority: String,
}

/// A reply, as far as a bench looks at it.
#[derive(Debug, PartialEq, Eq)]
pub struct LoadReply<'a> {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
    /// The server closes the connection.
    pub closes: bool,
}

/// A connection with its buffer.
#[derive(Debug)]
pub struct LoadClient {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A reply's head, once it has arrived whole.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    len: usize,
    body_len: usize,
    closes: bool,
}

impl BaseUrl {
    /// Takes `http://HOST` or `http://HOST:PORT`, with or without a last slash.
    ///
    /// # Errors
    /// [`BenchError::Url`] for anything else: no TLS, no path.
    pub fn parse(url: &str) -> Result<Self, BenchError> {
        let error = || BenchError::Url(url.to_owned());
        let rest = url.strip_prefix("http://").ok_or_else(error)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let uri: hyper::http::uri::Authority = authority.parse().map_err(|_| error())?;
        let port = match uri.as_str().strip_prefix(uri.host()) {
            Some("") if !uri.host().is_empty() => 80,
            Some(port) if port.starts_with(':') => uri.port_u16().ok_or_else(error)?,
            Some(_) | None => return Err(error()),
        };
        Ok(Self { authority: format!("{}:{port}", uri.host()) })
    }

    /// `HOST:PORT`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl LoadClient {
    /// Connects.
    ///
    /// # Errors
    /// If no server listens at the address.
    pub async fn connect(base: &BaseUrl) -> io::Result<Self> {
        let stream = TcpStream::connect(base.authority()).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_LEN] })
    }

    /// Sends one rendered request and reads its reply.
    ///
    /// # Errors
    /// Where the connection breaks, the reply is malformed, chunked or too long, or more
    /// arrives than was asked for. The connection is of no use after it.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<LoadReply<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            filled += self.fill(filled).await?;
            if let Some(head) = parse_head(&self.buffer[..filled])? {
                break head;
            }
            if filled == BUFFER_LEN {
                return Err(malformed("the head is too long"));
            }
        };
        let whole = head.len + head.body_len;
        if whole > self.buffer.len() {
            self.buffer.resize(whole, 0);
        }
        while filled < whole {
            filled += self.fill(filled).await?;
        }
        if filled > whole {
            return Err(malformed("more than one reply"));
        }
        let body = &self.buffer[head.len..whole];
        Ok(LoadReply { status: head.status, body, closes: head.closes })
    }

    /// A `GET` outside of a load.
    ///
    /// # Errors
    /// As [`LoadClient::exchange`].
    pub async fn get(
        &mut self,
        base: &BaseUrl,
        key: &str,
        path: &str,
    ) -> io::Result<LoadReply<'_>> {
        self.exchange(&render_get(key, base.authority(), path)).await
    }

    /// A `POST` of a JSON body outside of a load.
    ///
    /// # Errors
    /// As [`LoadClient::exchange`].
    pub async fn post(
        &mut self,
        base: &BaseUrl,
        key: &str,
        path: &str,
        body: &str,
    ) -> io::Result<LoadReply<'_>> {
        self.exchange(&render_post(key, base.authority(), path, "", body)).await
    }

    async fn fill(&mut self, filled: usize) -> io::Result<usize> {
        match self.stream.read(&mut self.buffer[filled..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

/// The head at the start of `bytes`, or `None` where it has not arrived whole.
fn parse_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let status = match bytes {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', a, b, c, b' ', ..] => {
            parse_decimal(&[*a, *b, *c])
        }
        _ => None,
    };
    let status = status.ok_or_else(|| malformed("the status line"))?;
    let mut head = Head { status: status as u16, len: end + 4, body_len: 0, closes: false };
    let mut has_length = false;
    let mut line_start = 0;
    for line_end in memchr::memchr_iter(b'\n', &bytes[..end + 2]) {
        let line = bytes[line_start..line_end].trim_ascii_end();
        line_start = line_end + 1;
        if let Some(value) = header(line, b"content-length:") {
            head.body_len = parse_decimal(value)
                .filter(|len| *len <= REPLY_LEN_MAX)
                .ok_or_else(|| malformed("content-length"))?;
            has_length = true;
        } else if header(line, b"transfer-encoding:").is_some() {
            return Err(malformed("a chunked reply"));
        } else if let Some(value) = header(line, b"connection:") {
            head.closes = value.eq_ignore_ascii_case(b"close");
        }
    }
    if !has_length && status != 204 {
        return Err(malformed("a reply without a length"));
    }
    Ok(Some(head))
}

fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn parse_decimal(digits: &[u8]) -> Option<usize> {
    let sound = !digits.is_empty() && digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
    sound.then(|| digits.iter().fold(0, |n, digit| n * 10 + usize::from(digit - b'0')))
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_parsed_once_it_is_whole() {
        let text =
            b"HTTP/1.1 201 Created\r\nX: y\r\nContent-Length:  12\r\nconnection: close\r\n\r\n{";
        for cut in 0..text.len() - 1 {
            assert_eq!(parse_head(&text[..cut]).unwrap(), None, "{cut}");
        }
        let head = Head { status: 201, len: text.len() - 1, body_len: 12, closes: true };
        assert_eq!(parse_head(text).unwrap(), Some(head));
        let empty = parse_head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!((empty.status, empty.body_len, empty.closes), (204, 0, false));
    }

    #[test]
    fn what_a_load_cannot_count_is_malformed() {
        for text in [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
            "HTTP/1.1 2x0 OK\r\ncontent-length: 1\r\n\r\n",
            "SSH-2.0\r\n\r\n",
        ] {
            assert!(parse_head(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let authority = |url| BaseUrl::parse(url).map(|base| base.authority);
        assert_eq!(authority("http://127.0.0.1:8080/").unwrap(), "127.0.0.1:8080");
        assert_eq!(authority("http://[::1]:9").unwrap(), "[::1]:9");
        assert_eq!(authority("http://localhost").unwrap(), "localhost:80");
        for bad in
            ["", "localhost:1", "https://a", "http://", "http://a/b", "http://u@a", "http://a:x"]
        {
            assert!(authority(bad).is_err(), "{bad:?}");
        }
    }
}
