// Says whether Microsoft's parser reads a query in Power Query's language M, from standard input. CLIENT_MODULES: where it is installed.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { TaskUtils, DefaultSettings } = createRequire(`${process.env.CLIENT_MODULES}/`)('@microsoft/powerquery-parser')
const task = await TaskUtils.tryLexParse(DefaultSettings, readFileSync(0, 'utf8'))
if (!TaskUtils.isParseStageOk(task)) {
  console.error(task.error?.message)
  process.exit(1)
}
