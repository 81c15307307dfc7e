// node scripts/budget.mjs BYTES FILE…: fails when the files are together larger than that, each gzipped; --print for BYTES says how large they are.
// Of an HTML file those scripts count that it loads at once.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

function scriptsOf(file) {
  if (!file.endsWith(".html")) return [file];
  const html = readFileSync(file, "utf8");
  const found = [...html.matchAll(/<(?:script|link)\b[^>]*?(?:src|href)="\/([^"]+\.js)"/g)].map(([, path]) => join(dirname(file), path));
  if (found.length === 0) throw new Error(`${file} loads no script`);
  return found;
}

const [budget, ...files] = process.argv.slice(2);
const bytes = files.flatMap(scriptsOf).reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0);
if (budget === "--print") console.log(bytes);
else if (bytes > Number(budget)) {
  console.error(`${files.join(", ")}: ${bytes} bytes gzipped, ${budget} are allowed`);
  process.exit(1);
}
