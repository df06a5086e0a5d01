// Reads a CSV file and prints its rows as JSON, each value as text. Usage: node read_in_duckdb.mjs FILE
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.FORMAT_READERS, "package.json"));
const { DuckDBInstance } = require("@duckdb/node-api");

const instance = await DuckDBInstance.create(":memory:");
const connection = await instance.connect();
const file = process.argv[2].replaceAll("'", "''");
const reader = await connection.runAndReadAll(`SELECT COLUMNS(*)::VARCHAR FROM read_csv('${file}')`);
console.log(JSON.stringify(reader.getRowObjectsJson()));
