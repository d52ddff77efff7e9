// Parses queries with Microsoft's own language service for KQL, and prints what it finds wrong in each, as JSON.
// Usage: node queries.js FOLDER-OF-NODE-MODULES < {"tables": {name: schema}, "functions": {name: text}, "queries": {name: text}}

const { readFileSync } = require("node:fs");

const service = `${process.argv[2]}/@kusto/language-service-next`;
require(`${service}/bridge.min.js`);
require(`${service}/Kusto.Language.Bridge.min.js`);
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

const given = JSON.parse(readFileSync(0, "utf8"));
const members = [
  ...Object.entries(given.tables).map(([name, schema]) => Symbols.TableSymbol.From(schema).WithName(name)),
  // Its names of overloaded constructors: this one is (name, parameters, body, description).
  ...Object.entries(given.functions).map(
    ([name, text]) => new Symbols.FunctionSymbol.$ctor16(name, "()", `{\n${text}\n}`, null),
  ),
];
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("logs", members));

function faults(text) {
  const found = KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, number) => found.getItem(number)).map(
    (one) => `${one.Severity} ${one.Code} in line ${text.slice(0, one.Start).split("\n").length}: ${one.Message}`,
  );
}

const answer = Object.entries(given.queries).map(([name, text]) => [name, faults(text)]);
console.log(JSON.stringify(Object.fromEntries(answer)));
