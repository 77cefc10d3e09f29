//! SASL PLAIN (RFC 4616), for brokers with users.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Broker, Peer, User};

const PLAIN: &str = "PLAIN";

/// The client names a mechanism.
pub(super) fn handshake(
    broker: &Broker,
    peer: &mut Peer,
    request: &SaslHandshakeRequest,
) -> SaslHandshakeResponse {
    let mechanisms = vec![StrBytes::from_static_str(PLAIN)];
    let error = if broker.settings.users.is_empty() || peer.authenticated {
        Some(ResponseError::IllegalSaslState)
    } else if &*request.mechanism != PLAIN {
        Some(ResponseError::UnsupportedSaslMechanism)
    } else {
        peer.handshaken = true;
        None
    };
    SaslHandshakeResponse::default()
        .with_error_code(error.map_or(0, |error| error.code()))
        .with_mechanisms(mechanisms)
}

/// The client shows who it is. If it fails it is cut off after the answer.
pub(super) fn authenticate(
    broker: &Broker,
    peer: &mut Peer,
    request: &SaslAuthenticateRequest,
) -> SaslAuthenticateResponse {
    let refused = |error: ResponseError, why: &'static str| {
        SaslAuthenticateResponse::default()
            .with_error_code(error.code())
            .with_error_message(Some(StrBytes::from_static_str(why)))
    };
    if !peer.handshaken || peer.authenticated {
        peer.rejected = true;
        return refused(
            ResponseError::IllegalSaslState,
            "no mechanism was agreed on",
        );
    }
    if !is_known(&broker.settings.users, &request.auth_bytes) {
        peer.rejected = true;
        return refused(
            ResponseError::SaslAuthenticationFailed,
            "unknown user or wrong password",
        );
    }
    peer.authenticated = true;
    SaslAuthenticateResponse::default().with_auth_bytes(Bytes::new())
}

/// `[authorization id] NUL user NUL password`; acting as somebody else is refused.
fn is_known(users: &[User], message: &[u8]) -> bool {
    let mut parts = message.split(|byte| *byte == 0);
    let (Some(acts_as), Some(name), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let fits =
        |user: &User| same(user.name.as_bytes(), name) & same(user.password.as_bytes(), password);
    (acts_as.is_empty() || acts_as == name)
        && users.iter().fold(false, |known, user| known | fits(user))
}

/// Compares in a time that does not tell where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (x, y)| differs | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_user_with_its_password_passes() {
        let users = [User {
            name: "ada".into(),
            password: "secret".into(),
        }];
        assert!(is_known(&users, b"\0ada\0secret"));
        assert!(is_known(&users, b"ada\0ada\0secret"));
        for wrong in [
            &b""[..],
            b"\0\0",
            b"\0ada\0",
            b"\0ada\0secret2",
            b"\0bob\0secret",
            b"bob\0ada\0secret",
            b"\0ada\0secret\0",
        ] {
            assert!(!is_known(&users, wrong), "{wrong:?}");
        }
    }
}
