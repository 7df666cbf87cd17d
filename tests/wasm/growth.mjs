// A job of server.mjs: what is in use of the heap after every hundred rounds of a function, one
// number a line. Its arguments are MODULE, FUNCTION and ROUNDS.
// This port collects only between calls from outside. Garbage that piles up meanwhile fills
// megabytes of addresses, and a random key then looks like a reference into it: hence short calls.
import { start } from "./port.mjs";

export default async function grow([module, call, rounds], print) {
  const mp = await start(print);
  mp.runPython("sys.path[:0] = ['/repo/tests/core', '/repo/core']");
  mp.runPython(`import gc; from ${module} import ${call} as call`);
  for (let done = 0; done <= rounds; done += 100) {
    for (let part = 0; part < 100; part += 10) mp.runPython("call(10); gc.collect()");
    mp.runPython("print(gc.mem_alloc())");
  }
}
