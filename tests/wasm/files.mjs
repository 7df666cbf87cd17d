// What portable tests are and use, for a port without a disk of its own: read once, and laid out
// under /repo and /shared as on the disk.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const SHARED = ["core", "micropython", "tests/core"];
const FOLDERS = ["backends", "micropython", "attack"]; // which do not use one another's

// Each folder as {folder: THERE, of: ONE OF FOLDERS OR UNDEFINED, files: [[NAME, BYTES], ...]}.
export function read(vectors) {
  const runner = readFileSync(join(ROOT, "tests/run_portable.py"));
  return [
    { folder: "/repo/tests", files: [["run_portable.py", runner]] },
    ...SHARED.flatMap((part) => below(join(ROOT, part), `/repo/${part}`)),
    ...FOLDERS.flatMap((of) => below(join(ROOT, "tests", of), `/repo/tests/${of}`, of)),
    ...(existsSync(vectors) ? below(vectors, "/shared/vectors") : []),
  ];
}

function below(from, folder, of) {
  const entries = readdirSync(from, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const folders = entries.filter((entry) => entry.isDirectory() && entry.name !== "__pycache__");
  return [
    { folder, of, files: files.map((name) => [name, readFileSync(join(from, name))]) },
    ...folders.flatMap(({ name }) => below(join(from, name), `${folder}/${name}`, of)),
  ];
}
