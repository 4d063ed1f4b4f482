// Signs the user of a program in: with a code on a second screen, or in the browser of this computer.
//
// Copy this file beside your program, unchanged. It needs Node 20 and openid-client. The user signs in once: the refresh
// token stays in a file that only this user can read, and the next run uses it.
import { once } from 'node:events';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { homedir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import * as client from 'openid-client';

const TOKEN_FILE = process.env.TOKEN_FILE ?? path.join(homedir(), `.${path.parse(process.argv[1]).name}-token`);

/** Shows a code, and waits until the user has entered it on any screen (RFC 8628). */
export async function byDevice(config, scope) {
  const resumed = await resume(config);
  if (resumed) return resumed;
  const device = await client.initiateDeviceAuthorization(config, { scope });
  console.error(`Open ${device.verification_uri} and enter ${device.user_code}`);
  return keep(await client.pollDeviceAuthorizationGrant(config, device));
}

/** Sends the user to the server, and waits for the browser on loopback (RFC 7636, RFC 8252). */
export async function byBrowser(config, scope) {
  const resumed = await resume(config);
  if (resumed) return resumed;
  const listener = http.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const redirectUri = `http://127.0.0.1:${listener.address().port}/callback`;
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    state,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  console.error(`Open ${url}`);
  const came = await callback(listener, redirectUri);
  // This checks the state and the issuer too.
  return keep(
    await client.authorizationCodeGrant(config, came, { pkceCodeVerifier: verifier, expectedState: state }),
  );
}

/** Waits until the browser returns, and gives the address with which it came. */
async function callback(listener, redirectUri) {
  for (;;) {
    const [request, response] = await once(listener, 'request');
    const url = new URL(request.url, redirectUri);
    const isCallback = url.pathname === '/callback';
    response.writeHead(isCallback ? 200 : 404, { 'Content-Type': 'text/plain', Connection: 'close' });
    response.end('You may close this page.\n');
    if (!isCallback) continue;
    await finished(response);
    listener.close();
    listener.closeAllConnections(); // browsers open connections in advance
    return url;
  }
}

/** Uses the refresh token of the last run, if it still works. */
async function resume(config) {
  try {
    return await keep(await client.refreshTokenGrant(config, await readFile(TOKEN_FILE, 'utf8')));
  } catch (error) {
    if (error.code === 'ENOENT' || error.error === 'invalid_grant') return undefined;
    throw error;
  }
}

/** Keeps the refresh token of an answer, in a file that no other user can read. */
async function keep(answer) {
  if (answer.refresh_token) {
    const created = `${TOKEN_FILE}.${process.pid}`;
    await rm(created, { force: true });
    await writeFile(created, answer.refresh_token, { mode: 0o600, flag: 'wx' });
    await rename(created, TOKEN_FILE);
  }
  return answer;
}
