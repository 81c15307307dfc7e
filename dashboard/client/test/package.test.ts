/** The package as others get it: packed, installed without a network into a project that has nothing else, imported and type-checked. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const client = join(import.meta.dirname, "..");
const tsc = join(client, "../node_modules/typescript/bin/tsc");
// What npm tells its scripts is about this project, not about the new one.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith("npm_")));
const LIMIT_MS = 60_000;

describe("the package", () => {
  let project: string;
  let files: string[];
  const run = async (command: string, args: string[], cwd = project): Promise<string> => {
    try {
      return (await promisify(execFile)(command, args, { cwd, env })).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${command} ${args.join(" ")}:\n${stdout}${stderr}`);
    }
  };

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), "grandstand-client-"));
    const [packed] = JSON.parse(await run("npm", ["pack", "--json", "--pack-destination", project], client)) as [{ filename: string; files: { path: string }[] }];
    files = packed.files.map(({ path }) => path);
    await writeFile(join(project, "package.json"), '{ "private": true, "type": "module" }');
    await run("npm", ["install", "--offline", "--no-audit", "--no-fund", join(project, packed.filename)]);
  }, LIMIT_MS);
  afterAll(() => rm(project, { recursive: true }));

  it("has what it needs and nothing else", async () => {
    expect(files.filter((path) => !/^dist\/\w+\.d\.ts$/.test(path)).sort()).toEqual(["LICENSE", "README.md", "dist/index.js", "package.json"]);
    const told = JSON.parse(await readFile(join(client, "package.json"), "utf8")) as Record<string, unknown>;
    const whole = JSON.parse(await readFile(join(client, "../package.json"), "utf8")) as Record<string, unknown>;
    expect([told.version, told.license, told.dependencies]).toEqual([whole.version, whole.license, undefined]);
  });

  it("is an ES module for Node", async () => {
    await writeFile(
      join(project, "viewer.js"),
      `import * as all from "@grandstand/client";
      const viewer = new all.Viewer();
      viewer.receive(all.read('{"type":"snapshot","channel":"match:1","version":"1-0.a","state":{"n":1},"feed":[],"status":"live"}'));
      console.log(JSON.stringify([viewer.doc, typeof all.Live, all.statusOf("live", "paused")]));`,
    );
    expect(JSON.parse(await run("node", ["viewer.js"]))).toEqual([{ n: 1 }, "function", "paused"]);
  }, LIMIT_MS);

  it.each(["nodenext", "bundler"])("has types for the README's viewer, found the way of %s", async (way) => {
    const [, example] = /```ts\n([\s\S]*?)```/.exec(await readFile(join(project, "node_modules/@grandstand/client/README.md"), "utf8"))!;
    const right = `${example}\nconst version: string | null = match.version;\nconsole.log(version);\n`;
    await writeFile(join(project, "right.ts"), right);
    await writeFile(join(project, "wrong.ts"), 'import { Live } from "@grandstand/client";\nnew Live({ url: 7 });\n');
    const options = ["--noEmit", "--strict", "--pretty", "false", "--skipDefaultLibCheck", "--exactOptionalPropertyTypes", "--target", "es2022", "--lib", "es2022,dom"];
    const told = await run("node", [tsc, ...options, "--module", way === "nodenext" ? way : "esnext", "--moduleResolution", way, "right.ts", "wrong.ts"]).catch(String);
    expect(told.match(/\S+: error .*/g)).toEqual([expect.stringMatching(/^wrong\.ts.*TS2322/)]);
  }, LIMIT_MS);
});
