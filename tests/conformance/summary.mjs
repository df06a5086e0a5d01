// Prints what a run of http-cache-tests found, and compares it with the floor that may only rise.
// Usage: node summary.mjs SUITE RESULTS.json EXPECTATIONS.json
import fs from 'fs'
import path from 'path'
import process from 'process'
import { pathToFileURL } from 'url'

const [suite, resultsFile, expectationsFile] = process.argv.slice(2)
const load = file => import(pathToFileURL(path.join(suite, file)))
const suites = (await load('tests/index.mjs')).default
const { determineTestResult } = await load('lib/display.mjs')
const results = JSON.parse(fs.readFileSync(resultsFile))
const expectations = JSON.parse(fs.readFileSync(expectationsFile))

const names = { required: 'required', optimal: 'optimal', check: 'informative' }
const passed = { required: 0, optimal: 0, check: 0 }
const total = { required: 0, optimal: 0, check: 0 }
const failures = []
for (const group of suites) {
  for (const test of group.tests) {
    if (test.browser_only) continue
    const kind = test.kind || 'required'
    total[kind]++
    const symbol = determineTestResult(suites, test.id, results)[2]
    if (symbol === '✅' || symbol === 'Y') passed[kind]++
    else if (kind !== 'check') failures.push({ kind, id: test.id, symbol, result: results[test.id] })
  }
}

for (const { kind, id, symbol, result } of failures) {
  const seen = Array.isArray(result) ? result.join(': ') : result === true ? 'a test it depends on failed' : String(result)
  console.log(`${symbol} ${kind} ${id}: ${seen}`)
  console.log(`     kept because: ${expectations.kept[id] || 'NO REASON IS GIVEN'}`)
}
console.log(Object.keys(total).map(kind => `${names[kind]} ${passed[kind]}/${total[kind]}`).join(' '))

let failed = false
for (const kind of ['required', 'optimal']) {
  if (passed[kind] >= expectations.floor[kind]) continue
  console.log(`${kind}: ${passed[kind]} is below the floor of ${expectations.floor[kind]}`)
  failed = true
}
for (const { kind, id } of failures) {
  if (kind !== 'required' || expectations.kept[id]) continue
  console.log(`${id}: a required test fails without a reason`)
  failed = true
}
process.exit(failed ? 1 : 0)
