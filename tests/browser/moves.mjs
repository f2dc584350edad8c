// What the tests of both kinds of page do: look whether curves are drawn, read their values, zoom and come back.
import { check } from './browser.mjs';

export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export async function contents(locator) {
  return (await locator.textContent()).trim();
}

// In how many columns of a canvas there is the colour, or nearly; without one, any colour (grids, axes and words are grey).
async function columnsOf(canvas, colour) {
  return canvas.evaluate((element, wanted) => {
    const { width, height } = element;
    const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(element, 0, 0);
    const { data } = copy.getImageData(0, 0, width, height);
    const alike = ([r, g, b]) => (wanted ? Math.max(...[r, g, b].map((value, i) => Math.abs(value - wanted[i]))) < 40 : Math.max(r, g, b) - Math.min(r, g, b) > 50);
    const found = new Set();
    for (let i = 0; i < width * height; i++) if (data[4 * i + 3] > 120 && alike(data.subarray(4 * i, 4 * i + 3))) found.add(i % width);
    return found.size;
  }, colour);
}

export async function inked(canvas) {
  return await columnsOf(canvas, null) > 50;
}

// Each curve that the legend of a chart names is there in its colour.
export async function checkColours(chart, name) {
  for (const swatch of await chart.locator('.legend .swatch').all()) {
    const colour = await swatch.evaluate((element) => getComputedStyle(element).borderTopColor.match(/[\d.]+/g).slice(0, 3).map(Number));
    const columns = await columnsOf(chart.locator('canvas').first(), colour);
    check(columns > 50, `${name}: ${columns} columns of a curve in ${colour}`);
  }
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
