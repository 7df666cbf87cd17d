// A job of server.mjs: runs one file of portable tests. Its argument is the file.
import { basename, dirname, relative, resolve } from "node:path";
import { workerData } from "node:worker_threads";
import { ROOT } from "./files.mjs";
import { start } from "./port.mjs";

const [file] = workerData.args;
const mp = await start(basename(dirname(file)));
mp.globals.set("path", `/repo/${relative(ROOT, resolve(file))}`);
mp.runPython("failed = run_portable.run(path)");
process.exit(mp.globals.get("failed") ? 1 : 0);
