// Runs some tests of http-cache-tests, a few at a time. Read from standard input in the suite's folder, where its imports lead.
// Usage: node --input-type=module - TEST-ID... <again.mjs
import process from 'process'
import fetch from 'node-fetch'
import { runTests, getResults } from './client/runner.mjs'
import suites from './tests/index.mjs'

const ids = process.argv.slice(2)
const some = suites.map(group => ({ ...group, tests: group.tests.filter(test => ids.includes(test.id)) }))
await runTests(some, fetch, false, process.env.npm_config_base, 5)
console.log(JSON.stringify(getResults()))
