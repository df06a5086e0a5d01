// What a run of http-cache-tests found.
import fs from 'fs'
import path from 'path'
import { pathToFileURL } from 'url'

const read = file => JSON.parse(fs.readFileSync(file))

// Of several files with results, the later ones count. `failures` leaves out the informative tests, which have no right answer.
export async function outcomeOf (suite, expectationsFile, resultsFiles) {
  const load = file => import(pathToFileURL(path.join(suite, file)))
  const suites = (await load('tests/index.mjs')).default
  const { determineTestResult } = await load('lib/display.mjs')
  const results = Object.assign({}, ...resultsFiles.map(read))
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
  return { expectations: read(expectationsFile), passed, total, failures }
}
