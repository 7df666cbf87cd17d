// The WebAssembly port with the project's files, for a job of server.mjs. The port has no disk of
// its own: what the tests read (files.mjs) is put into its memory.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { read } from "./files.mjs";
import { instantiate } from "./invoke.mjs";

const FIRST_HEAP_BYTES = 16 * 1024 * 1024; // to start with: this port's heap grows on demand

const FILE = 0o100444; // its mode: all jobs have the same bytes, so none writes to them

const [port, vectors] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(resolve(port, "micropython.wasm")));
const files = read(vectors);

// As the port's JavaScript asks for it; what is compiled is there already.
WebAssembly.instantiate = async (_, imports) => ({ instance: instantiate(module, imports) });

// By one the port's JavaScript frees in Python what is gone here, but always in the interpreter
// that was started last: what a job has left behind would be freed in that of the next.
globalThis.FinalizationRegistry = class {
  register() {}
};

const { loadMicroPython } = await import(pathToFileURL(resolve(port, "micropython.mjs")));

// As `FS.writeFile`, which opens and closes each of hundreds of files, in a tenth of its time.
function put(parent, name, bytes) {
  const node = parent.node_ops.mknod(parent, name, FILE, 0);
  [node.contents, node.usedBytes] = [bytes, bytes.length];
}

// `job` is the folder below tests/ whose files are run: those of the others stay out.
export async function start(print, job) {
  const options = { heapsize: FIRST_HEAP_BYTES, linebuffer: true, stdout: print };
  const mp = await loadMicroPython(options);
  for (const { folder, of, files: each } of files) {
    if (of !== undefined && of !== job) continue;
    mp.FS.mkdirTree(folder);
    const parent = mp.FS.lookupPath(folder).node;
    for (const [name, bytes] of each) put(parent, name, bytes);
  }
  mp.runPython("import sys; sys.path.append('/repo/tests'); import run_portable");
  return mp;
}
