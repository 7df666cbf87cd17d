// MicroPython's WebAssembly port (32-bit words) as a board whose heap is looked at, step by step:
// node run.mjs PORT CODE
// CODE is a folder with the .mpy files of a board, or a ROMFS image of them, which is then mapped
// outside of the heap. Each line of the input is {"run": PROGRAM, "now": MS, "files": {PATH: HEX}};
// files are written first, and the port's clock stands at MS while the program runs. The answer is
// one line, {"held": bytes of heap in use, "made": garbage, "said": what the program left there}.
// {"look": true} answers what lies in the heap: where it "start"s, the "map" that MicroPython prints
// of it, and its "bytes" as far as they are in use, in base64.
// This port collects only between two calls from JavaScript, so every step is a call of its own.
// Whoever asks ends this process: node may wait for ever at its exit (see tests/wasm/port.mjs).
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const HEAP_BYTES = 8 * 1024 * 1024;
const PYSTACK_BYTES = 32768;
const WORD_BYTES = 8;
const EPOCH_MS = 1767225600000;

let now = 0;
let printed = null; // lines that are kept and not shown
Date.now = () => EPOCH_MS + now; // the port's own clock: nothing here is timed

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

async function begin([port, code]) {
  const { loadMicroPython } = await import(pathToFileURL(resolve(port, "micropython.mjs")));
  const mp = await loadMicroPython({
    heapsize: HEAP_BYTES,
    pystack: PYSTACK_BYTES,
    stdout: (line) => (printed ? printed.push(line) : console.error(line)), // what the node prints
  });
  mp.FS.mkdirTree("/lib");
  if (statSync(code).isDirectory()) copyIn(mp.FS, code, "/lib");
  else mapIn(mp, code);
  mp.runPython("import gc, sys; sys.path[:] = ['', '/rom/lib', '/lib', '.frozen']; said = None");
  return mp;
}

function allocated(mp) {
  mp.runPython("held = gc.mem_alloc()");
  return mp.globals.get("held");
}

function look(mp) {
  mp.runPython("import gc, micropython; gc.collect()");
  mp.runPython("gc.collect()");
  printed = [];
  mp.runPython("micropython.qstr_info()\nmicropython.mem_info(1)");
  const map = printed.join("\n");
  printed = null;
  const start = parseInt(map.match(/from ([0-9a-f]+):/)[1], 16);
  const used = map.match(/^[0-9a-f]{8}: .*[^. ]/gm); // a line has 64 blocks of 16 bytes
  const stop = start + parseInt(used[used.length - 1], 16) + 1024;
  return { start, map, bytes: Buffer.from(mp._module.HEAPU8.slice(start, stop)).toString("base64") };
}

function step(mp, { run, now: at, files }) {
  for (const [path, hex] of Object.entries(files ?? {})) {
    mp.FS.writeFile(path, Buffer.from(hex, "hex"));
  }
  now = at ?? now;
  mp.runPython("gc.collect()");
  const before = allocated(mp);
  mp.runPython(run);
  const after = allocated(mp);
  const said = mp.globals.get("said");
  mp.runPython("said = None; gc.collect()");
  mp.runPython("gc.collect()");
  return { held: allocated(mp), made: after - before, said };
}

try {
  const mp = await begin(process.argv.slice(2));
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    console.log(JSON.stringify(asked.look ? look(mp) : step(mp, asked)));
  }
} catch (error) {
  console.error(error.message.slice(0, 2000)); // node's own report would show the port's source
  process.kill(process.pid, "SIGTERM");
}
