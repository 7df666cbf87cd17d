// Measure heap on MicroPython's WebAssembly port (32-bit words): node run.mjs PORT CODE PLAN
// CODE is a folder with the .mpy files of a board, or a ROMFS image of them, which is then mapped
// outside of the heap. PLAN (JSON) says what to import and what to run after.
// Prints one JSON object: step -> bytes of heap in use. This port collects only between two calls
// from JavaScript, so every step is a call of its own.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const HEAP_BYTES = 8 * 1024 * 1024;
const PYSTACK_BYTES = 32768;
const WORD_BYTES = 8;

function copyIn(fs, from, to) {
  if (statSync(from).isDirectory()) {
    fs.mkdirTree(to);
    for (const name of readdirSync(from)) copyIn(fs, join(from, name), `${to}/${name}`);
  } else {
    fs.writeFile(to, readFileSync(from));
  }
}

// Where a board has flash: in memory that no collection looks at, on a boundary of words.
function mapIn(mp, image) {
  const data = readFileSync(image);
  const at = (mp._module._malloc(data.length + WORD_BYTES) + WORD_BYTES) & -WORD_BYTES;
  mp._module.HEAPU8.set(data, at);
  mp.runPython(
    `import uctypes, vfs\nvfs.mount(vfs.VfsRom(uctypes.bytearray_at(${at}, ${data.length})), "/rom")`,
  );
}

async function main([port, code, plan]) {
  const { loadMicroPython } = await import(pathToFileURL(resolve(port, "micropython.mjs")));
  const mp = await loadMicroPython({ heapsize: HEAP_BYTES, pystack: PYSTACK_BYTES });
  mp.FS.mkdirTree("/lib");
  if (statSync(code).isDirectory()) copyIn(mp.FS, code, "/lib");
  else mapIn(mp, code);
  mp.runPython("import gc, sys; sys.path[:] = ['/rom/lib', '/lib', '.frozen']");
  const used = () => {
    mp.runPython("gc.collect()");
    mp.runPython("gc.collect()");
    mp.runPython("held = gc.mem_alloc()");
    return mp.globals.get("held");
  };
  const { prepare, plan: module, steps } = JSON.parse(readFileSync(plan));
  mp.FS.writeFile("/lib/plan.py", module);
  mp.runPython(prepare);
  const result = { base: used() };
  for (const [name, program] of steps) {
    mp.runPython(program);
    result[name] = used();
  }
  console.log(JSON.stringify(result));
}

try {
  await main(process.argv.slice(2));
  process.kill(process.pid, "SIGTERM"); // node may wait for ever at its exit: see tests/wasm/port.mjs
} catch (error) {
  console.log(error.message.slice(0, 2000)); // node's own report would show the port's source
  process.exitCode = 1;
}
