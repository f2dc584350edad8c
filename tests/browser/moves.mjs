// What the tests of both kinds of page do: look whether curves are drawn, read their values, zoom and come back.
import { check } from './browser.mjs';

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

export async function checkWidth(page, name) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(wide <= window, `${name}: ${wide} pixels wide in a window of ${window}`);
}

// The curves of a section's first chart, by mouse, by button and by key; and its numbers.
export async function checkCurves(page, section, name) {
  for (const plot of await page.locator(`#${section} .plot`).all()) check(await inked(plot.locator('canvas').first()), `${name}: an empty chart`);
  const chart = page.locator(`#${section} .chart`).first();
  const plot = chart.locator('.plot');
  const reset = chart.locator('.reset');
  const axis = () => plot.locator('.dygraph-axis-label-x').allTextContents();
  const whole = await axis();
  check(await reset.isHidden(), `${name}: a way back before any zoom`);

  await plot.evaluate((element) => element.scrollIntoView({ block: 'center', behavior: 'instant' }));
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + 62, { steps: 5 });
  await page.mouse.up();
  check(await reset.isVisible(), `${name}: dragging does not zoom`);
  check(!same(await axis(), whole), `${name}: the axis stays when zoomed`);
  await reset.click();
  check(same(await axis(), whole) && await reset.isHidden(), `${name}: no way back from the zoom`);
  await checkKeys(page, chart, name);
  await chart.locator('summary').click();
  await chart.locator('tbody tr').nth(1).waitFor({ timeout: 5000 }).catch(() => check(false, `${name}: no table of the numbers`));
}

async function checkKeys(page, chart, name) {
  const legend = chart.locator('.legend');
  await chart.locator('.plot').focus();
  await page.keyboard.press('Home');
  const first = await contents(legend);
  await page.keyboard.press('End');
  check(first !== await contents(legend), `${name}: arrow keys read no values`);
  check(await contents(chart.locator('[aria-live]')) !== '', `${name}: the value is not spoken`);
  await page.keyboard.press('+');
  check(await chart.locator('.reset').isVisible(), `${name}: plus does not zoom`);
  await page.keyboard.press('0');
  check(await chart.locator('.reset').isHidden(), `${name}: 0 does not show all`);
}
