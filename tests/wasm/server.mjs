// Runs jobs on MicroPython's WebAssembly port, one after the other:
//   node tests/wasm/server.mjs PORT_FOLDER VECTORS_FOLDER
// PORT_FOLDER holds micropython.mjs and micropython.wasm; VECTORS_FOLDER may be absent. Each line
// of the input is {"job": FILE BESIDE THIS ONE, "args": [...]}. The file's default export is called
// with these arguments and a function that says a line. Each line is answered by {"line": TEXT},
// and the job's end by {"exit": WHAT IT RETURNED, OR 0}. A job has an interpreter and a memory of
// its own; all share this thread, as one for each would take longer to start than most jobs last,
// and what has been compiled.
// Whoever asks ends this process by a signal: at its exit node may wait for ever for threads that
// compile WebAssembly.
import { createInterface } from "node:readline";

const say = (answer) => console.log(JSON.stringify(answer));
const print = (line) => say({ line });

async function status(job, args) {
  try {
    const { default: run } = await import(new URL(job, import.meta.url));
    return (await run(args, print)) ?? 0;
  } catch (error) {
    print(error.message); // node's own has the port's source
    return 1;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { job, args } = JSON.parse(line);
  say({ exit: await status(job, args) });
}
