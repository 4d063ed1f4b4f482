// oauth4webapi, which refuses every answer that is not as the RFCs say: discovery (RFC 8414), password, refresh,
// introspection, userinfo, revocation, client credentials, and the challenges of errors.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';

const [url, id, secret] = process.argv.slice(2);
const issuer = new URL(url);
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }),
);
const client = { client_id: id };
const authentication = oauth.ClientSecretBasic(secret);
const grant = async (name, parameters) =>
  oauth.processGenericTokenEndpointResponse(
    as,
    client,
    await oauth.genericTokenEndpointRequest(as, client, authentication, name, new URLSearchParams(parameters)),
  );
const introspect = async (token) =>
  oauth.processIntrospectionResponse(
    as,
    client,
    await oauth.introspectionRequest(as, client, authentication, token),
  );

const first = await grant('password', { username: 'alice', password: 'alice-password', scope: 'profile grades' });
const second = await oauth.processRefreshTokenResponse(
  as,
  client,
  await oauth.refreshTokenGrantRequest(as, client, authentication, first.refresh_token),
);
const told = await introspect(second.access_token);
assert.deepEqual([told.active, told.username, told.iss], [true, 'alice', as.issuer]);
const userinfo = await oauth.processUserInfoResponse(
  as,
  client,
  told.sub,
  await oauth.userInfoRequest(as, client, second.access_token),
);
assert.equal(userinfo.sub, told.sub);

await oauth.processRevocationResponse(
  await oauth.revocationRequest(as, client, authentication, second.refresh_token),
);
assert.deepEqual(await introspect(second.access_token), { active: false });
await assert.rejects(
  oauth.protectedResourceRequest(second.access_token, 'GET', new URL('/api/me', issuer)),
  (error) => error.cause[0].scheme === 'bearer' && error.cause[0].parameters.error === 'invalid_token',
);

const own = await oauth.processClientCredentialsResponse(
  as,
  client,
  await oauth.clientCredentialsGrantRequest(as, client, authentication, new URLSearchParams({ scope: 'grades' })),
);
assert.equal(own.scope, 'grades');

const wrong = oauth.processClientCredentialsResponse(
  as,
  client,
  await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic('wrong'), {}),
);
await assert.rejects(
  wrong,
  (error) => error.cause[0]?.scheme === 'basic' || error.error === 'invalid_client',
);
