// Asks with undici's own request.
import { asks, fields, installed, show } from './node_asks.mjs'

const { request } = await installed('undici')
for (const { url, parameters } of asks) {
  const answer = await request(url, { query: parameters, headers: fields })
  show(answer.statusCode, Buffer.from(await answer.body.arrayBuffer()), answer.headers['cache-status'])
}
