// Pages come as JSON ({name: html}) on stdin; what is wrong with each goes out as JSON ({name: [words]}).
import { readFileSync } from "node:fs";
import { HtmlValidate, StaticConfigLoader } from "html-validate/browser";

const judge = new HtmlValidate(new StaticConfigLoader({ extends: ["html-validate:standard"] }));
const found = {};
for (const [name, html] of Object.entries(JSON.parse(readFileSync(0, "utf-8")))) {
  const { results } = judge.validateStringSync(html, name);
  found[name] = results.flatMap((r) => r.messages.map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`));
}
process.stdout.write(JSON.stringify(found));
