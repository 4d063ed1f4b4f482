// openid-client as it is configured by default: logs in, and revokes the token. The secret goes into the form.
// Usage: login.js URL CLIENT_ID CLIENT_SECRET PASSWORD
import * as client from 'openid-client';

const [issuer, id, secret, password] = process.argv.slice(2);
const config = await client.discovery(new URL(issuer), id, secret);
try {
  const answer = await client.genericGrantRequest(config, 'password', { username: 'alice', password });
  await client.tokenRevocation(config, answer.access_token);
  console.log(JSON.stringify({ token: answer.access_token }));
} catch (error) {
  // Beside a challenge, and from status 500 on, the library reads no body.
  const response = error.response ?? error.cause;
  if (error instanceof client.ResponseBodyError) {
    console.log(JSON.stringify({ status: error.status, error: error.error }));
  } else if (response instanceof Response) {
    console.log(JSON.stringify({ status: response.status, error: (await response.json()).error }));
  } else {
    throw error;
  }
}
