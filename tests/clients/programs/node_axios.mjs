// Asks with axios.
import { asks, fields, installed, show } from './node_asks.mjs'

const { default: axios } = await installed('axios')
for (const { url, parameters } of asks) {
  const options = { params: parameters, headers: fields, responseType: 'arraybuffer', validateStatus: () => true }
  const answer = await axios.get(url, options)
  show(answer.status, answer.data, answer.headers['cache-status'])
}
