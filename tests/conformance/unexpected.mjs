// Prints the id of each test that failed and is not kept.
// Usage: node unexpected.mjs SUITE EXPECTATIONS.json RESULTS.json
import process from 'process'
import { outcomeOf } from './outcome.mjs'

const [suite, expectationsFile, resultsFile] = process.argv.slice(2)
const { expectations, failures } = await outcomeOf(suite, expectationsFile, [resultsFile])
for (const { id } of failures) if (!expectations.kept[id]) console.log(id)
