// Runs jobs on MicroPython's WebAssembly port, one after the other:
//   node tests/wasm/server.mjs PORT_FOLDER VECTORS_FOLDER
// PORT_FOLDER holds micropython.mjs and micropython.wasm; VECTORS_FOLDER may be absent. Each line
// of the input is {"job": FILE BESIDE THIS ONE, "args": [...]}. Each line that the job prints is
// answered by {"line": TEXT}, and its end by {"exit": STATUS}. A job has a thread, an interpreter
// and a memory of its own; all share what has been compiled.
// Whoever asks ends this process by a signal: at its exit node may wait for ever for threads that
// compile WebAssembly.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { read } from "./files.mjs";

const [port, vectors] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(join(port, "micropython.wasm")));
const files = read(vectors);

const say = (answer) => console.log(JSON.stringify(answer));

function done(job, args) {
  return new Promise((resolve) => {
    const worker = new Worker(new URL(job, import.meta.url), {
      workerData: { port, files, module, args },
    });
    worker.on("message", (line) => say({ line }));
    let failure; // said at the end, behind all that the job has printed
    worker.on("error", (error) => (failure = error.message)); // node's own has the port's source
    worker.on("exit", (status) => {
      if (failure !== undefined) say({ line: failure });
      resolve(status);
    });
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { job, args } = JSON.parse(line);
  say({ exit: await done(job, args) });
}
