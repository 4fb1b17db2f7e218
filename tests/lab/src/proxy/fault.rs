use std::fmt;
use std::time::Duration;

use serde_json::json;

use super::Point;

/// Something that happens at certain points.
pub struct Fault {
    what: What,
    fits: Box<dyn Fn(&Point) -> bool + Send + Sync>,
    /// How often it happens.
    left: usize,
}

/// What happens at a point.
#[derive(Clone, Debug)]
pub enum What {
    /// It is held, and does not reach the server.
    StopBefore,
    /// The server carries it out, and the answer is held.
    StopAfter,
    /// Another answer than the server's, which is not asked; a statement's connection is cut.
    Answer(Reply),
    /// It reaches the server later, unless the client has given up by then.
    Delay(Duration),
    /// The connection is cut, and the server is not asked.
    CutBefore,
    /// The server carries it out, and the connection is cut before the answer.
    CutAfter,
}

/// An answer that is not the server's.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) code: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Fault {
    /// This, at every point that fits.
    #[must_use]
    pub fn at(what: What, fits: impl Fn(&Point) -> bool + Send + Sync + 'static) -> Self {
        Self {
            what,
            fits: Box::new(fits),
            left: usize::MAX,
        }
    }

    /// This, at the point that was seen in another run.
    #[must_use]
    pub fn at_point(what: What, point: &Point) -> Self {
        let point = point.clone();
        Self::at(what, move |other| other.is(&point))
    }

    /// No more often than this.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.left = times;
        self
    }

    /// What happens at this point, by this fault.
    pub(super) fn strikes(&mut self, point: &Point) -> Option<What> {
        if self.left == 0 || !(self.fits)(point) {
            return None;
        }
        self.left -= 1;
        Some(self.what.clone())
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("what", &self.what)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl Reply {
    /// A failure in the words of Kubernetes: `403`, `Forbidden`.
    #[must_use]
    pub fn failure(code: u16, reason: &str, message: &str) -> Self {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        Self {
            code,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: status.to_string(),
        }
    }

    /// A page, as proxies and portals send it.
    #[must_use]
    pub fn html(code: u16, body: &str) -> Self {
        Self {
            code,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: body.to_owned(),
        }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!(
            "HTTP/1.1 {} Fault\r\ncontent-length: {}\r\n",
            self.code,
            self.body.len()
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        format!("{head}\r\n{}", self.body).into_bytes()
    }
}
