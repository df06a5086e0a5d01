// How the clients in Node.js read what they are to ask and print what they got; see ../client_programs.py.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export const [base, language] = process.argv.slice(2)
export const fields = language ? { 'Accept-Language': language } : {}

/// {url, parameters} of each.
export const asks = readFileSync(0, 'utf8').split('\n').filter(Boolean).map((line) => {
  const [path, ...pairs] = line.split('\t')
  const parameters = Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
  return { url: base + path, parameters }
})

/// body: the bytes of the answer
export function show(status, body, cacheStatus) {
  console.log([status, createHash('sha256').update(body).digest('hex'), cacheStatus ?? ''].join('\t'))
}

/// A package of npm; CLIENT_MODULES is where they are installed.
export function installed(name) {
  return import(createRequire(`${process.env.CLIENT_MODULES}/`).resolve(name))
}
