//! As much of HTTP/1.1 as Kubernetes' clients and servers speak to each other.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A head is a few hundred bytes; a client certificate's worth of tokens makes it some thousands.
const HEAD_LIMIT: usize = 64 * 1024;

/// A request or an answer, as it came.
pub(super) struct Message {
    /// The first line and the headers, the empty line included.
    pub(super) head: String,
    /// The body as it stood on the wire, chunks and all.
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Method and path of a request, without its query but for a dry run.
    pub(super) fn name(&self) -> String {
        let mut words = self.head.split(' ');
        let (method, target) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let dry = if query.contains("dryRun=") {
            " (dry run)"
        } else {
            ""
        };
        format!("{method} {path}{dry}")
    }

    /// The code of an answer.
    pub(super) fn code(&self) -> u16 {
        let code = self.head.split(' ').nth(1);
        code.and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// With another `Host`: that of the server it goes to.
    pub(super) fn for_host(mut self, authority: &str) -> Self {
        let lines: Vec<String> = self
            .head
            .split("\r\n")
            .map(|line| match line.split_once(':') {
                Some((name, _)) if name.eq_ignore_ascii_case("host") => {
                    format!("{name}: {authority}")
                }
                _ => line.to_owned(),
            })
            .collect();
        self.head = lines.join("\r\n");
        self
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

/// The next request of a client; none when it has closed the connection.
pub(super) async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<Message>> {
    let Some(head) = read_head(stream).await? else {
        return Ok(None);
    };
    let mut request = Message {
        head,
        body: Vec::new(),
    };
    read_body(stream, &mut request).await?;
    Ok(Some(request))
}

/// The answer to a request. That of an upgrade has no body: what follows is another protocol.
pub(super) async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Message> {
    let head = read_head(stream)
        .await?
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut answer = Message {
        head,
        body: Vec::new(),
    };
    if !matches!(answer.code(), 101 | 204 | 304) {
        read_body(stream, &mut answer).await?;
    }
    Ok(answer)
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && head.is_empty() => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        if head.len() > HEAD_LIMIT {
            return Err(io::Error::other("a head without end"));
        }
    }
    String::from_utf8(head).map(Some).map_err(io::Error::other)
}

async fn read_body(stream: &mut (impl AsyncRead + Unpin), message: &mut Message) -> io::Result<()> {
    let chunked = message
        .header("transfer-encoding")
        .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    if chunked {
        return read_chunks(stream, &mut message.body).await;
    }
    let length = message.header("content-length").unwrap_or("0");
    let length = length.parse().map_err(io::Error::other)?;
    message.body.resize(length, 0);
    stream.read_exact(&mut message.body).await?;
    Ok(())
}

async fn read_chunks(stream: &mut (impl AsyncRead + Unpin), body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let begun = body.len();
        while !body[begun..].ends_with(b"\r\n") {
            body.push(stream.read_u8().await?);
        }
        let size = String::from_utf8_lossy(&body[begun..]).trim().to_owned();
        let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
        // Each chunk, the last empty one too, ends with a line's end.
        let end = body.len() + size + 2;
        let from = body.len();
        body.resize(end, 0);
        stream.read_exact(&mut body[from..]).await?;
        if size == 0 {
            return Ok(());
        }
    }
}
