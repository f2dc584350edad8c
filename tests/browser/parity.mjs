// Holds the page's network against what the program said of the same images.
//   node parity.mjs NETWORK.js DIGIT.wasm CASES...      files of digit_cases
import { readFileSync } from 'node:fs';
import vm from 'node:vm';

const [script, wasm, ...files] = process.argv.slice(2);
const TOLERANCE = 1e-4;

// The page's own lines, without a page.
const page = vm.createContext({ WebAssembly, TextEncoder, TextDecoder, Uint8Array, Float32Array });
vm.runInContext(readFileSync(script, 'utf8'), page);

function readCases(file) {
  const bytes = readFileSync(file);
  const end = bytes.indexOf(10);
  const cases = JSON.parse(bytes.subarray(0, end).toString());
  const { parameters: p, images: n } = cases;
  const floats = new Float32Array(new Uint8Array(bytes.subarray(end + 1)).buffer);
  if (floats.length !== p + 794 * n) throw new Error(`${file}: cut short`);
  return { ...cases, weights: new Uint8Array(floats.buffer, 0, 4 * p), pixels: floats.subarray(p, p + 784 * n), expected: floats.subarray(p + 784 * n) };
}

const largest = (values) => values.indexOf(Math.max(...values));

async function check(file) {
  const cases = readCases(file);
  const network = await page.openDigitNetwork(readFileSync(wasm), cases.layers, cases.weights);
  const first = [];
  let worst = 0;
  let agree = 0;
  for (let i = 0; i < cases.images; i++) {
    const got = network.predict(cases.pixels.subarray(784 * i, 784 * (i + 1)));
    const expected = cases.expected.subarray(10 * i, 10 * (i + 1));
    // Not Math.max: a NaN must not pass.
    for (let k = 0; k < 10; k++) if (!(Math.abs(got[k] - expected[k]) <= worst)) worst = Math.abs(got[k] - expected[k]);
    agree += largest(got) === largest(expected);
    first.push(expected[0]);
  }
  const spread = Math.max(...first) - Math.min(...first);
  console.log(`${cases.images} images, ${cases.parameters} parameters: differ by ${worst.toExponential(1)} at most, ` +
    `images among them by ${spread.toExponential(1)}, same digit for ${agree} (${cases.layers})`);
  return spread > 10 * TOLERANCE && worst < TOLERANCE;
}

let good = files.length > 0;
for (const file of files) good = await check(file) && good;
if (!good) console.error(`FAILED: the page's network differs by ${TOLERANCE} or more, or the images are too much alike to tell`);
process.exit(good ? 0 : 1);
