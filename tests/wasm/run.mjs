// Run one file of portable tests on MicroPython's WebAssembly port:
//   node tests/wasm/run.mjs PORT_FOLDER VECTORS_FOLDER FILE
// PORT_FOLDER holds micropython.mjs. The port has no disk of its own: what the tests read is
// copied into its memory under /repo and /shared, laid out as on the disk.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
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

async function main([port, vectors, file]) {
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
  mp.globals.set("path", `/repo/${relative(ROOT, resolve(file))}`);
  mp.runPython("import sys; sys.path.append('/repo/tests'); import run_portable");
  mp.runPython("failed = run_portable.run(path)");
  return mp.globals.get("failed") ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.log(error.message); // node's own report would show the port's one line of source
  process.exitCode = 1;
}
