// The page of a run, and of several runs, in headless Chromium, as people use it: at phone's and desktop's width, dark and light.
//   node page.mjs MODULES RUN_PAGE RUN_NAME COMPARE_PAGE [SCREENSHOT_FOLDER]
// MODULES is the folder of playwright-core and axe-core. RUN_NAME is the name that the page must show, letter by letter.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { check, contents, inked, same } from './checks.mjs';

const [, , modules, runPage, runName, comparePage, shots] = process.argv;
const require = createRequire(resolve(modules, 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });

// Opens the page; whatever it says on the console, and whatever it asks of a network, is kept.
async function open(file, width, scheme) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, hasTouch: width < 600, reducedMotion: 'reduce' });
  const page = await context.newPage();
  const url = pathToFileURL(resolve(file)).href;
  page.complaints = [];
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) page.complaints.push(message.text()); });
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('request', (request) => { if (request.url() !== url && !request.url().startsWith('data:')) page.complaints.push(`request: ${request.url()}`); });
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector('#made').textContent !== '');
  return page;
}

async function accessible(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  const bad = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  check(bad.length === 0, `${what}: axe: ${bad.map((v) => `${v.id} (${v.nodes.length}: ${v.nodes[0].html.slice(0, 120)} ${v.nodes[0].failureSummary})`).join('; ')}`);
}

async function fits(page, what) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(wide <= window, `${what}: ${wide} pixels wide in a window of ${window}`);
}

// Curves are drawn, say their values, zoom and come back: by mouse, by button and by key.
async function curves(page, section, what) {
  const chart = page.locator(`#${section} .chart`).first();
  const plot = chart.locator('.plot');
  await plot.scrollIntoViewIfNeeded();
  for (const canvas of await page.locator(`#${section} .plot`).all()) check(await inked(canvas.locator('canvas').first()), `${what}: an empty chart`);
  const range = () => plot.locator('.dygraph-axis-label-x').allTextContents();
  const reset = chart.locator('.reset');
  const whole = await range();
  check(await reset.isHidden(), `${what}: a way back before any zoom`);

  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + 62, { steps: 5 });
  await page.mouse.up();
  check(await reset.isVisible(), `${what}: dragging does not zoom`);
  check(!same(await range(), whole), `${what}: the axis stays when zoomed`);
  await reset.click();
  check(same(await range(), whole) && (await reset.isHidden()), `${what}: no way back from the zoom`);

  await plot.focus();
  await page.keyboard.press('Home');
  const first = await contents(chart.locator('.legend'));
  await page.keyboard.press('End');
  check(first !== (await contents(chart.locator('.legend'))), `${what}: arrow keys read no values`);
  check((await contents(chart.locator('[aria-live]'))) !== '', `${what}: the value is not spoken`);
  await page.keyboard.press('+');
  check(await reset.isVisible(), `${what}: plus does not zoom`);
  await page.keyboard.press('0');
  check(await reset.isHidden(), `${what}: 0 does not show all`);

  await chart.locator('summary').click();
  await chart.locator('tbody tr').first().waitFor({ timeout: 5000 });
  check((await chart.locator('tbody tr').count()) >= 2, `${what}: no numbers in the table`);
}

async function byStep(page) {
  const loss = page.locator('#curves .chart').first();
  const epochs = await contents(loss.locator('.reading-x'));
  await page.getByRole('radio', { name: 'step', exact: true }).check();
  check((await contents(loss.locator('.reading-x'))).startsWith('step') && epochs.startsWith('epoch'), 'no loss by step');
  check(await inked(loss.locator('canvas').first()), 'no curve by step');
  await page.getByRole('button', { name: /^validation/ }).first().click();
  check((await loss.locator('.entry[aria-pressed=false]').count()) === 1, 'a curve is not hidden');
}

// A cell by click, its neighbour by keyboard: as many images as it counts (24 at most where the answer was right).
async function confusion(page) {
  const panel = page.locator('.cell-panel');
  const wrong = page.locator('.matrix .miss').first();
  check((await wrong.count()) === 1, 'the run has no error to click at');
  const right = page.locator('.matrix .hit:has(small)').first();
  for (const cell of [right, wrong]) {
    await cell.click();
    const count = Number((await contents(cell.locator('span').first())).replace(/,/g, ''));
    const [label, prediction] = [await cell.getAttribute('data-label'), await cell.getAttribute('data-prediction')];
    const shown = await panel.locator('.digit').count();
    check(shown === (label === prediction ? Math.min(count, 24) : count), `cell ${label}, ${prediction}: ${shown} images of ${count}`);
    check((await contents(panel)).startsWith(label === prediction ? `${label} read right` : `${label} read as ${prediction}`), 'the cell is not named');
    check((await panel.locator('.digit').first().evaluate((digit) => getComputedStyle(digit).backgroundImage)).includes('data:image/png'), 'a digit without its picture');
  }
  const before = await contents(panel.locator('h3'));
  await page.locator('.matrix [aria-pressed=true]').focus();
  const [row, column] = await page.evaluate(() => [document.activeElement.dataset.label, document.activeElement.dataset.prediction].map(Number));
  await page.keyboard.press(row > 0 ? 'ArrowUp' : 'ArrowDown');
  await page.keyboard.press('Enter');
  check(before !== (await contents(panel.locator('h3'))), `Enter on the cell beside ${row}, ${column} shows nothing`);
}

// The surest first, and by digit: every card that is left has the digit.
async function errors(page) {
  const cards = page.locator('#errors .card');
  const more = page.locator('#errors .cards + button');
  while (await more.isVisible()) await more.click();
  const all = await cards.count();
  const order = await page.evaluate(() => {
    const run = JSON.parse(document.getElementById('data').textContent).runs[0];
    return run.errors.map((index) => run.images[index].p_prediction);
  });
  check(all > 0 && all === order.length, `${all} cards for ${order.length} errors`);
  check(order.every((p, i) => i === 0 || p <= order[i - 1]), 'the surest errors are not first');
  const digit = await contents(cards.first().locator('.verdict b').first());
  await page.locator('#errors').getByRole('radio', { name: digit, exact: true }).check();
  const left = await cards.locator('.verdict').allTextContents();
  check(left.length > 0 && left.length <= all && left.every((text) => text.includes(digit)), `filter ${digit}: ${left.join('; ')}`);
  await page.locator('#errors').getByRole('radio', { name: 'label', exact: true }).check();
  const labelled = await cards.locator('.verdict').allTextContents();
  check(labelled.length > 0 && labelled.every((text) => text.startsWith(digit)), `filter label ${digit}: ${labelled.join('; ')}`);
  check((await contents(page.locator('#errors [role=status]'))).includes(digit), 'the filter is not told');
}

async function parts(page) {
  check((await contents(page.locator('h1'))) === runName, `the page is named ${await contents(page.locator('h1'))}, not ${runName}`);
  for (const [selector, least] of [['#result dd', 8], ['#unsure .card', 1], ['#classes tbody tr', 10], ['#classes .plot canvas', 1], ['#sees .filters canvas', 1],
    ['#sees .thumbs .digit', 8], ['#try-box > *', 1], ['#model tbody tr', 3], ['#config tbody tr', 10]]) {
    const count = await page.locator(selector).count();
    check(count >= least, `${selector}: ${count}, not ${least} or more`);
  }
  check((await page.locator('.absent', { hasText: 'could not be drawn' }).count()) === 0, 'a part could not be drawn');
}

// The switch changes the page and the canvases, whatever the system says.
async function theme(page, scheme) {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  if (await page.locator('#contents-button').isVisible()) await page.locator('#contents-button').click();
  const before = await ground();
  await page.locator('#theme').getByRole('radio', { name: scheme === 'dark' ? 'Light' : 'Dark' }).check();
  check(before !== (await ground()), 'the switch of colours does nothing');
  await page.locator('#theme').getByRole('radio', { name: 'Auto' }).check();
  check(before === (await ground()), 'Auto is not the colours of the system');
  if (await page.locator('#contents-button').isVisible()) await page.locator('#contents-button').click();
}

async function comparison(page) {
  check((await page.locator('#figures tbody tr').count()) >= 1, 'no final figures');
  check((await page.locator('#runs tbody tr').count()) >= 2, 'no runs');
  check((await page.locator('#tests tbody tr').count()) >= 1, 'no paired test');
  check((await page.locator('#differing tbody tr').count()) >= 1, 'no differing keys');
  const entries = page.locator('#overlay .chart').first().locator('.entry:visible');
  const before = await entries.count();
  const box = page.locator('.switches input').first();
  await box.uncheck();
  check((await entries.count()) < before, 'a run is not hidden');
  await box.check();
  check((await entries.count()) === before, 'a run does not come back');
  await page.getByRole('radio', { name: 'time', exact: true }).check();
  check((await contents(page.locator('#overlay .reading-x').first())).startsWith('after'), 'no curves by time');
}

async function picture(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

for (const width of [390, 1440]) {
  for (const scheme of ['light', 'dark']) {
    const what = `${width} ${scheme}`;
    let page = await open(runPage, width, scheme);
    await fits(page, what);
    await picture(page, `run-${width}-${scheme}`);
    await parts(page);
    await theme(page, scheme);
    await curves(page, 'curves', what);
    await byStep(page);
    await confusion(page);
    await errors(page);
    await accessible(page, `run ${what}`);
    check(page.complaints.length === 0, `run ${what}: ${page.complaints.join('; ')}`);
    await page.context().close();

    page = await open(comparePage, width, scheme);
    await fits(page, `comparison ${what}`);
    await picture(page, `compare-${width}-${scheme}`);
    await curves(page, 'overlay', `comparison ${what}`);
    await comparison(page);
    await accessible(page, `comparison ${what}`);
    check(page.complaints.length === 0, `comparison ${what}: ${page.complaints.join('; ')}`);
    await page.context().close();
    console.log(`${what}: done`);
  }
}
await browser.close();
