// Prints my grades. It needs Node 20 and openid-client.
import * as client from 'openid-client';
import { byDevice } from './sign-in.mjs';

const { SERVER, API, CLIENT_ID, CLIENT_SECRET } = process.env;
const config = await client.discovery(new URL(SERVER), CLIENT_ID, CLIENT_SECRET);

async function getToken() {
  const answer = await byDevice(config, 'grades');
  return answer.access_token;
}

const headers = { authorization: `Bearer ${await getToken()}` };
const answer = await fetch(API, { headers, signal: AbortSignal.timeout(10_000) });
if (!answer.ok) throw new Error(`The API answered ${answer.status}.`);
console.log(await answer.text());
