// node scripts/budget.mjs BYTES FILE…: fails when the files are together larger than that, each gzipped.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const [budget, ...files] = process.argv.slice(2);
const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0);
if (bytes > Number(budget)) {
  console.error(`${files.join(", ")}: ${bytes} bytes gzipped, ${budget} are allowed`);
  process.exit(1);
}
