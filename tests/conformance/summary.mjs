// Prints what a run of http-cache-tests found, and compares it with the floor that may only rise.
// Usage: node summary.mjs SUITE EXPECTATIONS.json RESULTS.json...
import process from 'process'
import { outcomeOf } from './outcome.mjs'

const [suite, expectationsFile, ...resultsFiles] = process.argv.slice(2)
const { expectations, passed, total, failures } = await outcomeOf(suite, expectationsFile, resultsFiles)
const names = { required: 'required', optimal: 'optimal', check: 'informative' }

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
