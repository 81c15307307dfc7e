// node scripts/compress.mjs DIR: puts FILE.br and FILE.gz beside every text file for which they are smaller; the gateway negotiates.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const TEXT = new Set([".css", ".html", ".js", ".json", ".map", ".svg", ".webmanifest"]);

const [directory] = process.argv.slice(2);
for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !TEXT.has(extname(entry.name))) continue;
  const path = join(entry.parentPath, entry.name);
  const body = await readFile(path);
  const coded = {
    ".br": brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }),
    ".gz": gzipSync(body, { level: 9 }),
  };
  for (const [suffix, bytes] of Object.entries(coded)) if (bytes.length < body.length) await writeFile(path + suffix, bytes);
}
