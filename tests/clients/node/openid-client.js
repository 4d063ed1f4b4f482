// openid-client: discovery (RFC 8414), password by its generic grant, refresh, client credentials, introspection,
// revocation, a protected resource.
import assert from 'node:assert/strict';
import * as client from 'openid-client';

const [issuer, id, secret] = process.argv.slice(2);
const discovered = (authentication, clientId) =>
  client.discovery(new URL(issuer), clientId, secret, authentication, { algorithm: 'oauth2' });

const login = { username: 'alice', password: 'alice-password', scope: 'profile grades' };
for (const [clientId, authentication] of [
  [id, client.ClientSecretBasic(secret)],
  ['body-program', client.ClientSecretPost(secret)],
]) {
  const config = await discovered(authentication, clientId);
  assert.equal(config.serverMetadata().issuer, issuer);
  const first = await client.genericGrantRequest(config, 'password', login);
  const second = await client.refreshTokenGrant(config, first.refresh_token);
  assert.notEqual(second.refresh_token, first.refresh_token);

  const me = await client.fetchProtectedResource(config, second.access_token, new URL('/api/me', issuer), 'GET');
  assert.equal((await me.json()).net_id, 'alice');
  assert.equal((await client.tokenIntrospection(config, second.access_token)).username, 'alice');
  await client.tokenRevocation(config, second.access_token);
  assert.equal((await client.tokenIntrospection(config, second.access_token)).active, false);

  const own = await client.clientCredentialsGrant(config, { scope: 'grades' });
  assert.deepEqual([own.token_type, own.scope, own.refresh_token], ['bearer', 'grades', undefined]);
  await assert.rejects(
    client.genericGrantRequest(config, 'password', { ...login, username: 'bob', password: 'no' }),
    (error) => error.status === 400 && error.error === 'invalid_grant',
  );
}
