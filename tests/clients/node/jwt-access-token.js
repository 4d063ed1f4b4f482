// oauth4webapi as an API that checks JWT access tokens by signature (RFC 9068), and as a client that is given an ID
// token beside them: it reads the keys at `jwks_uri`, and refuses whatever is not as the RFCs say.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';

const [url, id, secret, audience] = process.argv.slice(2);
const issuer = new URL(url);
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }),
);
const client = { client_id: id, id_token_signed_response_alg: 'ES256' };
const authentication = oauth.ClientSecretBasic(secret);
const parameters = new URLSearchParams({
  username: 'alice',
  password: 'alice-password',
  scope: 'openid grades',
  resource: audience,
});
const answer = await oauth.processGenericTokenEndpointResponse(
  as,
  client,
  await oauth.genericTokenEndpointRequest(as, client, authentication, 'password', parameters),
);
const request = (token) => new Request(audience, { headers: { authorization: `Bearer ${token}` } });

const claims = await oauth.validateJwtAccessToken(as, request(answer.access_token), audience);
assert.equal(claims.client_id, id);
assert.equal(claims.scope, 'openid grades');
assert.equal(oauth.getValidatedIdTokenClaims(answer).sub, claims.sub);

await assert.rejects(oauth.validateJwtAccessToken(as, request(answer.access_token), 'https://other.example'));
await assert.rejects(oauth.validateJwtAccessToken(as, request(answer.id_token), audience));
