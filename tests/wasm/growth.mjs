// What is in use of the heap after every hundred rounds of a function, one number a line:
//   node tests/wasm/growth.mjs PORT_FOLDER MODULE FUNCTION ROUNDS
// This port collects only between calls from outside, so each measurement is a call of its own.
import { finish, start } from "./port.mjs";

await finish(async ([port, module, call, rounds]) => {
  const mp = await start(port, "");
  mp.runPython("sys.path[:0] = ['/repo/tests/core', '/repo/core']");
  mp.runPython(`import gc; from ${module} import ${call} as call`);
  for (let done = 0; done <= rounds; done += 100) {
    mp.runPython("call(100); gc.collect()");
    mp.runPython("print(gc.mem_alloc())");
  }
  return 0;
});
