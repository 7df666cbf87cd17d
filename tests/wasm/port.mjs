// The WebAssembly port with the project's files. It has no disk of its own: what the tests read is
// copied into its memory under /repo and /shared, laid out as on the disk.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const FIRST_HEAP_BYTES = 16 * 1024 * 1024; // to start with: this port's heap grows on demand

function copyIn(fs, from, to) {
  if (statSync(from).isDirectory()) {
    fs.mkdirTree(to);
    for (const name of readdirSync(from)) {
      if (name !== "__pycache__") copyIn(fs, join(from, name), `${to}/${name}`);
    }
  } else {
    fs.writeFile(to, readFileSync(from));
  }
}

// PORT is a folder that holds micropython.mjs, VECTORS one that may be absent.
export async function start(port, vectors) {
  const { loadMicroPython } = await import(pathToFileURL(resolve(port, "micropython.mjs")));
  const mp = await loadMicroPython({
    heapsize: FIRST_HEAP_BYTES,
    linebuffer: true,
    stdout: (line) => console.log(line),
  });
  for (const part of ["core", "micropython", "tests"]) {
    if (existsSync(join(ROOT, part))) copyIn(mp.FS, join(ROOT, part), `/repo/${part}`);
  }
  if (existsSync(vectors)) copyIn(mp.FS, vectors, "/shared/vectors");
  mp.runPython("import sys; sys.path.append('/repo/tests'); import run_portable");
  return mp;
}

// Sets node's exit status to what MAIN returns; its own report would show one line of the port.
// Where that is 0 a signal is the end: once in some hundred runs node waits for ever, at its exit,
// for threads that compile WebAssembly. What was printed into a pipe has left by then.
export async function finish(main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.log(error.message);
    process.exitCode = 1;
  }
  if (process.exitCode === 0) process.kill(process.pid, "SIGTERM");
}
