// A job of server.mjs: runs one file of portable tests. Its argument is the file.
import { basename, dirname, relative, resolve } from "node:path";
import { ROOT } from "./files.mjs";
import { start } from "./port.mjs";

export default async function run([file], print) {
  const mp = await start(print, basename(dirname(file)));
  mp.globals.set("path", `/repo/${relative(ROOT, resolve(file))}`);
  mp.runPython("failed = run_portable.run(path)");
  return mp.globals.get("failed") ? 1 : 0;
}
