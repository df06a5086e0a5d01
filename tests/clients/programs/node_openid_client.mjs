// Asks with openid-client: gets a token from BASE/auth/oauth2/token, then the reports.
//
// CLIENT_ID and CLIENT_SECRET are its credentials, CLIENT_AUTHENTICATION says how it shows them: basic or form.
// CLIENT_ALLOW_INSECURE: plain http is allowed.
import { webcrypto } from 'node:crypto'
import { asks, base, fields, installed, show } from './node_asks.mjs'

globalThis.crypto ??= webcrypto  // Node.js 18
const client = await installed('openid-client')
const secret = process.env.CLIENT_SECRET
const authentication = process.env.CLIENT_AUTHENTICATION === 'form' ? client.ClientSecretPost(secret) : client.ClientSecretBasic(secret)
const server = { issuer: base, token_endpoint: `${base}/auth/oauth2/token` }
const config = new client.Configuration(server, process.env.CLIENT_ID, secret, authentication)
if (process.env.CLIENT_ALLOW_INSECURE) client.allowInsecureRequests(config)

const { access_token: token } = await client.clientCredentialsGrant(config)
for (const { url, parameters } of asks) {
  const address = new URL(`${url}?${new URLSearchParams(parameters)}`)
  const answer = await client.fetchProtectedResource(config, token, address, 'GET', null, new Headers(fields))
  show(answer.status, Buffer.from(await answer.arrayBuffer()), answer.headers.get('Cache-Status'))
}
