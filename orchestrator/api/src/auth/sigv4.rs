//! AWS Signature Version 4 in the `Authorization` header.
//!
//! Owns: taking the header apart, and computing what a signature must be. Source: AWS IAM user guide, "Create a signed
//! AWS API request". Not here: signatures in the query, and bodies signed chunk by chunk; Step Functions' SDKs use neither.

use super::{AccessKeys, same, unknown_key};
use crate::app::error::{ApiError, ErrorCode};
use axum::http::{HeaderMap, request};
use baton_schemas::time::{parse_rfc3339, rfc3339};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far the caller's clock may be from ours (AWS: 5 minutes).
const SKEW_MAX_MS: i64 = 5 * 60 * 1_000;

/// The header, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// Id of the access key.
    pub key: &'a str,
    /// `YYYYMMDD`.
    pub date: &'a str,
    /// Region of the credential.
    pub region: &'a str,
    /// Service of the credential.
    pub service: &'a str,
    /// Names of the headers that are signed, as given.
    pub signed_headers: &'a str,
    /// Hexadecimal.
    pub signature: &'a str,
}

impl<'a> Signature<'a> {
    /// Takes `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=..., Signature=...` apart.
    ///
    /// # Errors
    /// IncompleteSignatureException.
    pub fn parse(header: &'a str) -> Result<Self, ApiError> {
        let incomplete = |what: &str| {
            let message = format!("Authorization header requires {what}. Authorization={header}");
            ApiError::new(ErrorCode::IncompleteSignatureException, message)
        };
        let rest = header
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| incomplete(ALGORITHM))?;
        let field = |name: &'static str| {
            rest.split([',', ' '])
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
                .ok_or_else(|| incomplete(&format!("'{name}' parameter")))
        };
        let scope = field("Credential")?;
        let [key, date, region, service, "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..]
        else {
            return Err(incomplete(
                "a Credential of the form KEY/DATE/REGION/SERVICE/aws4_request",
            ));
        };
        Ok(Self {
            key,
            date,
            region,
            service,
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
        })
    }
}

/// Whether the signature is that of the request under the key that it names.
///
/// # Errors
/// UnrecognizedClientException, InvalidSignatureException, IncompleteSignatureException.
pub fn verify(
    keys: &AccessKeys,
    signature: &Signature<'_>,
    parts: &request::Parts,
    body: &[u8],
    now_ms: i64,
) -> Result<(), ApiError> {
    let secret = keys.secret(signature.key).ok_or_else(unknown_key)?;
    let time = header_text(&parts.headers, "x-amz-date");
    check_time(&time, signature.date, now_ms)?;
    let headers: Vec<&str> = signature.signed_headers.split(';').collect();
    // Else a signature could be moved to another host or operation.
    let must = ["host", "x-amz-date"];
    let target = parts.headers.contains_key("x-amz-target");
    for name in must.into_iter().chain(target.then_some("x-amz-target")) {
        if !headers.contains(&name) {
            let message = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
            return Err(ApiError::new(ErrorCode::InvalidSignatureException, message));
        }
    }
    let canonical = canonical_request(parts, &headers, body);
    let scope = format!(
        "{}/{}/{}/aws4_request",
        signature.date, signature.region, signature.service
    );
    let to_sign = format!(
        "{ALGORITHM}\n{time}\n{scope}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let expected = hex(&sign(&signing_key(secret, signature), &to_sign));
    if same(expected.as_bytes(), signature.signature.as_bytes()) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::InvalidSignatureException,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
         and signing method. Consult the service documentation for details.",
    ))
}

/// `20260131T120000Z`, of the scope's day and near enough to now.
fn check_time(time: &str, date: &str, now_ms: i64) -> Result<(), ApiError> {
    let part = |from: usize, to: usize| time.get(from..to).unwrap_or_default();
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(9, 11),
        part(11, 13),
        part(13, 15)
    );
    let invalid = |message: String| ApiError::new(ErrorCode::InvalidSignatureException, message);
    let sent_ms = parse_rfc3339(&text)
        .filter(|_| time.len() == 16)
        .ok_or_else(|| {
            let message =
                format!("x-amz-date must be a time such as 20260131T120000Z, not '{time}'");
            ApiError::new(ErrorCode::IncompleteSignatureException, message)
        })?;
    if part(0, 8) != date {
        return Err(invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{}'",
            part(0, 8)
        )));
    }
    let basic = |ms: i64| rfc3339(ms).replace(['-', ':'], "").replace(".000", "");
    if sent_ms < now_ms - SKEW_MAX_MS {
        let limit = basic(now_ms - SKEW_MAX_MS);
        return Err(invalid(format!(
            "Signature expired: {time} is now earlier than {limit} ({} - 5 min.)",
            basic(now_ms)
        )));
    }
    if sent_ms > now_ms + SKEW_MAX_MS {
        let limit = basic(now_ms + SKEW_MAX_MS);
        return Err(invalid(format!(
            "Signature not yet current: {time} is still later than {limit} ({} + 5 min.)",
            basic(now_ms)
        )));
    }
    Ok(())
}

fn canonical_request(parts: &request::Parts, headers: &[&str], body: &[u8]) -> String {
    let mut canonical = format!("{}\n{}\n", parts.method, canonical_path(parts.uri.path()));
    canonical.push_str(&canonical_query(parts.uri.query().unwrap_or_default()));
    canonical.push('\n');
    for name in headers {
        canonical.push_str(&format!("{name}:{}\n", header_text(&parts.headers, name)));
    }
    let hash = match header_text(&parts.headers, "x-amz-content-sha256") {
        text if text == "UNSIGNED-PAYLOAD" => text,
        _ => hex(&Sha256::digest(body)),
    };
    canonical.push_str(&format!("\n{}\n{hash}", headers.join(";")));
    canonical
}

/// Each segment of the path as it was sent, encoded once more (all services but S3).
fn canonical_path(path: &str) -> String {
    let mut canonical = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' => canonical.push('/'),
            other => push_encoded(&mut canonical, other),
        }
    }
    canonical
}

/// Parameters in order; what is encoded already stays so.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(&str, &str)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

fn push_encoded(text: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        text.push(char::from(byte));
    } else {
        text.push_str(&format!("%{byte:02X}"));
    }
}

/// The values of a header, each with its white space made one blank, joined by commas.
fn header_text(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter();
    let texts = values.map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    texts.collect::<Vec<_>>().join(",")
}

fn signing_key(secret: &str, signature: &Signature<'_>) -> Vec<u8> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [
        signature.date,
        signature.region,
        signature.service,
        "aws4_request",
    ] {
        key = sign(&key, part);
    }
    key
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    /// AWS's own example of a signed request ("get-vanilla-query" of its test suite for Signature Version 4).
    const KEYS: &str = "AKIDEXAMPLE wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const NOW_MS: i64 = 1_440_938_160_000;

    fn request(signature: &str, body: &str) -> (request::Parts, String) {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        let request = Request::get("/?Param1=value1")
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization)
            .body(())
            .unwrap();
        (request.into_parts().0, body.to_owned())
    }

    const GOOD: &str = "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb";

    fn checked(signature: &str, body: &str, now_ms: i64) -> Result<(), ErrorCode> {
        let keys = AccessKeys::parse(KEYS).unwrap();
        let (parts, body) = request(signature, body);
        super::super::check(&keys, &parts, body.as_bytes(), now_ms).map_err(|error| error.code)
    }

    #[test]
    fn awss_own_example_is_accepted_and_nothing_like_it() {
        assert_eq!(checked(GOOD, "", NOW_MS), Ok(()));
        let wrong = Err(ErrorCode::InvalidSignatureException);
        assert_eq!(checked(&GOOD.replace('a', "b"), "", NOW_MS), wrong);
        assert_eq!(checked(GOOD, "x", NOW_MS), wrong);
        assert_eq!(checked(GOOD, "", NOW_MS + SKEW_MAX_MS + 1_000), wrong);
        assert_eq!(checked(GOOD, "", NOW_MS - SKEW_MAX_MS - 1_000), wrong);
    }

    #[test]
    fn a_header_that_lacks_something_is_refused_in_words() {
        for header in [
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
            "Bearer x",
            "AWS4-HMAC-SHA256 Credential=a/b",
        ] {
            let error = Signature::parse(header).unwrap_err();
            assert_eq!(error.code, ErrorCode::IncompleteSignatureException);
        }
    }

    #[test]
    fn paths_are_encoded_once_more_and_queries_sorted() {
        assert_eq!(canonical_path("/v1/a%3Ab"), "/v1/a%253Ab");
        assert_eq!(canonical_query("b=2&a=1&a=&c"), "a=&a=1&b=2&c=");
    }
}
