use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// What an ID token says, after its signature was checked.
///
/// <https://openid.net/specs/openid-connect-core-1_0.html#IDToken>
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Takes a token apart without any check: for tokens that were checked when they came, and for
    /// showing what somebody sent.
    pub fn unchecked(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let payload = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(payload), Some(_), None) => payload,
            _ => return None,
        };
        let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
        serde_json::from_slice(&payload).ok().map(Self)
    }

    /// A token's header: algorithm and key id.
    pub fn header(token: &str) -> Option<Map<String, Value>> {
        let header = token.split('.').next()?;
        serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).ok()?).ok()
    }

    /// Everything it says.
    pub fn all(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim that is a time, in seconds since 1970.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        let value = self.0.get(name)?;
        let seconds = value.as_i64().or_else(|| Some(value.as_f64()? as i64))?;
        Timestamp::from_second(seconds).ok()
    }

    /// A claim that is a list of texts, or one text.
    pub fn list(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        self.text("iss").unwrap_or_default()
    }

    /// Who it is about: never the same for two users of an issuer.
    pub fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    /// The name to show for who it is about.
    pub fn username(&self) -> &str {
        self.text("preferred_username")
            .or_else(|| self.text("email"))
            .unwrap_or_else(|| self.subject())
    }

    /// Who it is for.
    pub fn audiences(&self) -> Vec<&str> {
        self.list("aud")
    }

    /// Until when it holds, by the issuer's clock.
    pub fn expires(&self) -> Option<Timestamp> {
        self.time("exp")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.c2ln", BASE64URL_NOPAD.encode(payload.as_bytes()))
    }

    #[test]
    fn reads_what_is_there() {
        let claims = Claims::unchecked(&token(
            r#"{"sub":"1","aud":"a","groups":["x",7,"y"],"exp":1700000000.5}"#,
        ))
        .unwrap();
        assert_eq!(claims.username(), "1");
        assert_eq!(claims.audiences(), ["a"]);
        assert_eq!(claims.list("groups"), ["x", "y"]);
        assert_eq!(claims.expires().unwrap().as_second(), 1_700_000_000);
        assert_eq!(claims.issuer(), "");
    }

    #[test]
    fn what_is_no_token_is_none() {
        for text in ["", "a.b", "a.b.c.d", "e30.e30", "e30.W10.x", "e30.!.x"] {
            assert_eq!(Claims::unchecked(text), None, "{text}");
        }
    }
}
