// What the browser tests share: a check that ends the test with a line, and questions to a page.

export function check(truth, words) {
  if (truth) return;
  console.error(`FAILED: ${words}`);
  process.exit(1);
}

export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export async function contents(locator) {
  return (await locator.textContent()).trim();
}

// Whether a canvas has curves on it: colour (grids, axes and words are grey) in more than a few of its columns.
export async function inked(canvas) {
  const columns = await canvas.evaluate((element) => {
    const { width, height } = element;
    const { data } = element.getContext('2d').getImageData(0, 0, width, height);
    const coloured = new Set();
    for (let i = 0; i < width * height; i++) {
      const [r, g, b, a] = data.subarray(4 * i, 4 * i + 4);
      if (a > 60 && Math.max(r, g, b) - Math.min(r, g, b) > 50) coloured.add(i % width);
    }
    return coloured.size;
  });
  return columns > 50;
}
