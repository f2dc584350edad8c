// The trained network: digit.wasm, which is the program's own layers (src/report/wasm/digit.h), behind two calls.
// Nothing here touches the page, so that Node runs the same lines in the tests.

const DIGIT_SIDE = 28;
const DIGIT_CLASSES = 10;

// What the C library would ask of a system (to write to a file) is refused; no call below comes to that.
const NOT_SUPPORTED = 58;

function bytesOfBase64(text) {
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// openDigitNetwork(bytes of digit.wasm, list of layers, bytes of the weights as float32, little-endian):
// { predict(pixels (28 x 28)), centre(ink (h x w), h, w) }, both of numbers in 0..1 with 1 for ink. Throws with the program's own
// words if the list is wrong.
async function openDigitNetwork(wasm, layers, weights) {
  const compiled = await WebAssembly.compile(wasm);
  const system = {};
  for (const { module, name } of WebAssembly.Module.imports(compiled)) (system[module] ||= {})[name] = () => NOT_SUPPORTED;
  const calls = (await WebAssembly.instantiate(compiled, system)).exports;
  calls._initialize();

  // Memory may grow, and move, with any call that takes some: views are made anew each time.
  const bytesAt = (at, count) => new Uint8Array(calls.memory.buffer, at, count);
  const floatsAt = (at, count) => new Float32Array(calls.memory.buffer, at, count);
  const room = (bytes) => {
    const at = calls.malloc(bytes);
    if (at === 0) throw new Error('no memory for the network');
    return at;
  };
  const text = (at) => {
    const bytes = new Uint8Array(calls.memory.buffer, at);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  };

  const list = new TextEncoder().encode(`${layers}\0`);
  const listAt = room(list.length);
  bytesAt(listAt, list.length).set(list);
  const network = calls.digit_new(listAt);
  calls.free(listAt);
  if (network === 0) throw new Error(text(calls.digit_error()));
  const size = 4 * calls.digit_count(network);
  if (weights.length !== size) throw new Error(`${weights.length} bytes of weights, where the layers need ${size}`);
  bytesAt(calls.digit_params(network), size).set(weights);

  const image = room(4 * DIGIT_SIDE * DIGIT_SIDE);
  const probabilities = room(4 * DIGIT_CLASSES);
  let ink = 0;
  let inkSize = 0;
  return {
    // The ten probabilities.
    predict(pixels) {
      floatsAt(image, DIGIT_SIDE * DIGIT_SIDE).set(pixels);
      calls.digit_predict(probabilities, network, image, 1);
      return floatsAt(probabilities, DIGIT_CLASSES).slice();
    },

    // The drawing as MNIST's makers would have had it; null if it is blank.
    centre(drawing, h, w) {
      if (h * w > inkSize) {
        calls.free(ink);
        ink = room(4 * h * w);
        inkSize = h * w;
      }
      floatsAt(ink, h * w).set(drawing);
      const found = calls.digit_centre(image, ink, h, w);
      return found ? floatsAt(image, DIGIT_SIDE * DIGIT_SIDE).slice() : null;
    },
  };
}
