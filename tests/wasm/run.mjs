// Run one file of portable tests on MicroPython's WebAssembly port:
//   node tests/wasm/run.mjs PORT_FOLDER VECTORS_FOLDER FILE
import { relative, resolve } from "node:path";
import { ROOT, finish, start } from "./port.mjs";

await finish(async ([port, vectors, file]) => {
  const mp = await start(port, vectors);
  mp.globals.set("path", `/repo/${relative(ROOT, resolve(file))}`);
  mp.runPython("failed = run_portable.run(path)");
  return mp.globals.get("failed") ? 1 : 0;
});
