// Usage: node validate.mjs FILE...: each is a valid OpenAPI 3.1 document, by two validators: the official JSON schema, and Redocly's rules.
import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Validator } from '@seriousme/openapi-schema-validator';

let mistakes = 0;
// A daemon without clients signs nobody in; one without http routes has no answers of theirs; those answers are all one, the default.
const config = await createConfig({ extends: ['recommended'], rules: { 'no-server-example.com': 'off', 'operation-4xx-response': 'off', 'security-defined': 'off', 'no-unused-components': 'off' } });
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8');
  const validator = new Validator();
  const result = await validator.validate(JSON.parse(text));
  if (validator.version !== '3.1') {
    console.log(`${file}: the version is ${validator.version}`);
    mistakes += 1;
  }
  if (!result.valid) {
    console.log(`${file}: ${JSON.stringify(result.errors)}`);
    mistakes += 1;
  }
  for (const problem of await lintFromString({ source: text, absoluteRef: `/${file}`, config })) {
    console.log(`${file}: ${problem.severity}: ${problem.ruleId}: ${problem.message} at ${problem.location[0].pointer}`);
    mistakes += 1;
  }
}
process.exit(mistakes === 0 ? 0 : 1);
