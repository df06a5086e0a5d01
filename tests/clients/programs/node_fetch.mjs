// Asks with the fetch that Node.js has itself.
import { asks, fields, show } from './node_asks.mjs'

for (const { url, parameters } of asks) {
  const answer = await fetch(`${url}?${new URLSearchParams(parameters)}`, { headers: fields })
  show(answer.status, Buffer.from(await answer.arrayBuffer()), answer.headers.get('Cache-Status'))
}
