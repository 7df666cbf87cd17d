// The port's `invoke_SIGNATURE`, as WebAssembly instead of JavaScript: what calls a function from
// which an exception of MicroPython may come. Every call that bytecode makes goes through one, and
// in JavaScript they took more time than all else. The port's binary is the published one.
//
//   (func $invoke_SIGNATURE (param $function i32) (param ...) (result ...) (local $stack i32)
//     (local.set $stack (call $get_stack))
//     (try (do (call_indirect $functions (local.get ...) (local.get $function)))
//       (catch $longjmp (call $set_stack (local.get $stack)) (call $set_threw 1 0) 0)))
//   (func $longjmp (throw $longjmp))
const TYPES = { v: [], i: [0x7f], j: [0x7e], f: [0x7d], d: [0x7c] };
const ZEROS = {
  v: [],
  i: [0x41, 0],
  j: [0x42, 0],
  f: [0x43, 0, 0, 0, 0],
  d: [0x44, 0, 0, 0, 0, 0, 0, 0, 0],
};
// What the port has for them, and its type: a result and parameters, as in the names.
const HELPERS = {
  emscripten_stack_get_current: "i",
  _emscripten_stack_restore: "vi",
  setThrew: "vii",
};
const [GET_STACK, SET_STACK, SET_THREW] = [0, 1, 2]; // their places, and those of their types
const LONGJMP = "_emscripten_throw_longjmp";
const LONGJMP_TYPE = 3;

const number = (n) => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...number(n >>> 7)]);
const vector = (items) => [...number(items.length), ...items.flat()];
const text = (s) => vector([...Buffer.from(s)]);
const section = (id, items) => [id, ...sized(vector(items))];
const sized = (bytes) => [...number(bytes.length), ...bytes];
const type = ([result, ...parameters]) => [
  0x60,
  ...vector(parameters.map((p) => TYPES[p])),
  ...vector([TYPES[result]].filter((r) => r.length)),
];

const get = (local) => [0x20, ...number(local)];
const helper = (place) => [0x41, place, 0x11, place, 1]; // i32.const, call_indirect of table 1

function body(signature, called) {
  const stack = signature.length;
  const parameters = [...signature.slice(1)].map((_, n) => get(n + 1)).flat();
  return sized([
    ...[1, 1, ...TYPES.i], // a local, $stack
    ...[...helper(GET_STACK), 0x21, ...number(stack)],
    ...[0x06, ...(signature[0] === "v" ? [0x40] : TYPES[signature[0]])], // try
    ...[...parameters, ...get(0), 0x11, ...number(called), 0], // call_indirect of table 0
    ...[0x07, 0, ...get(stack), ...helper(SET_STACK)], // catch $longjmp
    ...[0x41, 1, 0x41, 0, ...helper(SET_THREW), ...ZEROS[signature[0]]],
    ...[0x0b, 0x0b],
  ]);
}

function assembled(names) {
  const signatures = names.map((name) => name.slice("invoke_".length));
  const called = signatures.map((_, n) => LONGJMP_TYPE + 1 + n);
  const own = called.map((n) => n + names.length);
  const types = [...Object.values(HELPERS), "v", ...signatures];
  types.push(...signatures.map((s) => `${s[0]}i${s.slice(1)}`));
  const table = (name) => [...text("port"), ...text(name), 1, 0x70, 0, 0];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types.map(type)),
    ...section(2, ["functions", "helpers"].map(table)),
    ...section(3, [...own, LONGJMP_TYPE].map(number)),
    ...section(13, [[0, LONGJMP_TYPE]]), // the tag
    ...section(7, [...names, LONGJMP].map((name, n) => [...text(name), 0, ...number(n)])),
    ...section(10, [...signatures.map((s, n) => body(s, called[n])), sized([0, 0x08, 0, 0x0b])]),
  ]);
}

// An instance of the port's MODULE. Its functions and its helpers are known only when it is there,
// so they come through tables.
export function instantiate(module, imports) {
  const names = Object.keys(imports.env).filter((name) => name.startsWith("invoke_"));
  const [functions, helpers] = [empty(), empty()];
  const calls = new WebAssembly.Instance(new WebAssembly.Module(assembled(names)), {
    port: { functions, helpers },
  });
  const env = { ...imports.env, ...calls.exports };
  const instance = new WebAssembly.Instance(module, { ...imports, env });
  const { __indirect_function_table: own, ...exports } = instance.exports;
  fill(functions, Array.from({ length: own.length }, (_, n) => own.get(n)));
  fill(helpers, Object.keys(HELPERS).map((name) => exports[name]));
  return instance;
}

const empty = () => new WebAssembly.Table({ element: "anyfunc", initial: 0 });

function fill(table, functions) {
  table.grow(functions.length);
  functions.forEach((f, n) => table.set(n, f));
}
