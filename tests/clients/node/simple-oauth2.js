// simple-oauth2: password, refresh, revocation of both tokens, client credentials. Credentials are form-encoded
// ("strict", its default, as RFC 6749, 2.3.1 wants) or raw ("loose").
import assert from 'node:assert/strict';
import { ClientCredentials, ResourceOwnerPassword } from 'simple-oauth2';

const [tokenHost, id, secret] = process.argv.slice(2);

for (const credentialsEncodingMode of ['strict', 'loose']) {
  const config = { client: { id, secret }, auth: { tokenHost }, options: { credentialsEncodingMode } };
  const login = new ResourceOwnerPassword(config);
  const first = await login.getToken({ username: 'alice', password: 'alice-password', scope: ['profile', 'grades'] });
  assert.equal(first.token.scope, 'profile grades');
  assert.equal(first.expired(), false);
  const second = await first.refresh();
  assert.notEqual(second.token.refresh_token, first.token.refresh_token);
  await second.revokeAll();
  await assert.rejects(second.refresh(), (error) => error.data.payload.error === 'invalid_grant');

  const own = await new ClientCredentials(config).getToken({ scope: 'grades' });
  assert.equal(own.token.scope, 'grades');
  assert.equal(own.token.refresh_token, undefined);
}
