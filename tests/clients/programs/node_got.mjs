// Asks with got.
import { asks, fields, installed, show } from './node_asks.mjs'

const { got } = await installed('got')
for (const { url, parameters } of asks) {
  const options = { searchParams: parameters, headers: fields, responseType: 'buffer', throwHttpErrors: false, retry: { limit: 0 } }
  const answer = await got(url, options)
  show(answer.statusCode, answer.body, answer.headers['cache-status'])
}
