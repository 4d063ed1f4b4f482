//! The oauth2 crate as it is configured by default: logs in, and revokes the token.
//!
//! Usage: login URL CLIENT_ID CLIENT_SECRET PASSWORD

use oauth2::basic::BasicClient;
use oauth2::{
    http, AccessToken, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError,
    ResourceOwnerPassword, ResourceOwnerUsername, RevocationUrl, StandardRevocableToken,
    TokenResponse, TokenUrl,
};
use serde_json::json;
use std::cell::Cell;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, id, secret, password] = &arguments[..] else {
        panic!("four arguments are needed");
    };
    let client = BasicClient::new(ClientId::new(id.clone()))
        .set_client_secret(ClientSecret::new(secret.clone()))
        .set_token_uri(TokenUrl::new(format!("{url}/oauth/token")).unwrap())
        .set_revocation_url(RevocationUrl::new(format!("{url}/oauth/revoke")).unwrap());

    // The crate's error does not contain the status.
    let status = Cell::new(0);
    let http = |request: HttpRequest| {
        let answer = send(request);
        if let Ok(answer) = &answer {
            status.set(answer.status().as_u16());
        }
        answer
    };

    let answer = client
        .exchange_password(
            &ResourceOwnerUsername::new("alice".into()),
            &ResourceOwnerPassword::new(password.clone()),
        )
        .request(&http);
    let result = match answer {
        Ok(token) => {
            let token: &AccessToken = token.access_token();
            client
                .revoke_token(StandardRevocableToken::from(token))
                .unwrap()
                .request(&http)
                .unwrap();
            json!({"token": token.secret()})
        }
        Err(RequestTokenError::ServerResponse(refused)) => {
            json!({"status": status.get(), "error": refused.error().as_ref()})
        }
        Err(error) => panic!("{error:?}"),
    };
    println!("{result}");
}

/// Sends a request. An answer of any status is an answer: the crate itself reads the errors.
fn send(request: HttpRequest) -> Result<HttpResponse, std::io::Error> {
    let mut sent = ureq::request(request.method().as_str(), &request.uri().to_string());
    for (name, value) in request.headers() {
        sent = sent.set(name.as_str(), value.to_str().map_err(std::io::Error::other)?);
    }
    let answer = match sent.send_bytes(request.body()) {
        Ok(answer) | Err(ureq::Error::Status(_, answer)) => answer,
        Err(error) => return Err(std::io::Error::other(error)),
    };
    http::Response::builder()
        .status(answer.status())
        .header("content-type", answer.content_type())
        .body(answer.into_string()?.into_bytes())
        .map_err(std::io::Error::other)
}
