// A run's page, as people use it.
//   node run.mjs PAGE.html NAME         NAME is what the page must call the run, letter by letter
import { check, onScreens, seriousFlaws, SCREENS } from './browser.mjs';
import { checkColours, checkCurves, checkWidth, contents, inked } from './moves.mjs';

const [file, runName] = process.argv.slice(2);

async function checkParts(page, name) {
  check(await contents(page.locator('h1')) === runName, `${name}: the page is named ${await contents(page.locator('h1'))}, not ${runName}`);
  const parts = { '#result dd': 8, '#curves .chart': 5, '#unsure .card': 1, '#classes tbody tr': 10, '#classes .plot canvas': 1, '#sees .filters canvas': 1,
    '#sees .thumbs .digit': 8, '#try-box > *': 1, '#model tbody tr': 3, '#config tbody tr': 10 };
  for (const [selector, least] of Object.entries(parts)) {
    const count = await page.locator(selector).count();
    check(count >= least, `${name}: ${count} of ${selector}, not ${least} or more`);
  }
  check(await page.locator('.absent').count() === 0, `${name}: something is said to be absent`);
}

// The switch changes the colours, whatever the system says, of the canvases too.
async function checkTheme(page, { name, scheme }) {
  const look = () => page.evaluate(() => [getComputedStyle(document.body).backgroundColor, document.querySelector('.filters canvas').toDataURL()]);
  const fold = async () => {
    if (await page.locator('#contents-button').isVisible()) await page.locator('#contents-button').click();
  };
  await fold();
  const before = await look();
  await page.locator('#theme').getByRole('radio', { name: scheme === 'dark' ? 'Light' : 'Dark' }).check();
  const after = await look();
  check(before[0] !== after[0] && before[1] !== after[1], `${name}: the switch does not change the colours`);
  await page.locator('#theme').getByRole('radio', { name: 'Auto' }).check();
  check(before[0] === (await look())[0], `${name}: Auto is not the colours of the system`);
  await fold();
}

async function checkSteps(page, name) {
  const loss = page.locator('#curves .chart').first();
  const reading = () => contents(loss.locator('.reading-x'));
  const epochs = await reading();
  await page.getByRole('radio', { name: 'step', exact: true }).check();
  check((await reading()).startsWith('step') && epochs.startsWith('epoch'), `${name}: no loss by step`);
  check(await inked(loss.locator('canvas').first()), `${name}: no curve by step`);
  const entry = page.getByRole('button', { name: /^validation/ }).first();
  await entry.click();
  check(await entry.getAttribute('aria-pressed') === 'false', `${name}: a curve is not hidden`);
}

// A cell shows as many images as it counts, 24 at most where the answer was right.
async function checkCell(page, cell, name) {
  const panel = page.locator('.cell-panel');
  await cell.click();
  const count = Number((await contents(cell.locator('span').first())).replace(/,/g, ''));
  const label = await cell.getAttribute('data-label');
  const prediction = await cell.getAttribute('data-prediction');
  const shown = await panel.locator('.digit').count();
  check(shown === (label === prediction ? Math.min(count, 24) : count), `${name}: cell ${label}, ${prediction} shows ${shown} images of ${count}`);
  check((await contents(panel)).startsWith(label === prediction ? `${label} read right` : `${label} read as ${prediction}`), `${name}: the cell is not named`);
  const picture = await panel.locator('.digit').first().evaluate((digit) => getComputedStyle(digit).backgroundImage);
  check(picture.includes('data:image/png'), `${name}: a digit without its picture`);
}

async function checkConfusion(page, name) {
  await checkCell(page, page.locator('.matrix .hit:has(small)').first(), name);
  await checkCell(page, page.locator('.matrix .miss').first(), name);
  const title = page.locator('.cell-panel h3');
  const before = await contents(title);
  const chosen = page.locator('.matrix [aria-pressed=true]');
  await chosen.focus();
  await page.keyboard.press(await chosen.getAttribute('data-label') === '0' ? 'ArrowDown' : 'ArrowUp');
  await page.keyboard.press('Enter');
  check(before !== await contents(title), `${name}: Enter on the next cell shows nothing`);
}

// All of them, the surest first; and by digit, where every card that is left has it.
async function checkErrors(page, name) {
  const cards = page.locator('#errors .card .verdict');
  const more = page.locator('#errors .cards + button');
  while (await more.isVisible()) await more.click();
  const all = await cards.count();
  const sure = await page.evaluate(() => {
    const [run] = JSON.parse(document.getElementById('data').textContent).runs;
    return run.errors.map((index) => run.images[index].p_prediction);
  });
  check(all > 0 && all === sure.length, `${name}: ${all} cards for ${sure.length} errors`);
  check(sure.every((p, i) => i === 0 || p <= sure[i - 1]), `${name}: the surest errors are not first`);
  const digit = await contents(cards.first().locator('b').first());
  const filter = page.locator('#errors');
  await filter.getByRole('radio', { name: digit, exact: true }).check();
  const either = await cards.allTextContents();
  check(either.length > 0 && either.length < all && either.every((text) => text.includes(digit)), `${name}: filtered by ${digit}: ${either.join('; ')}`);
  await filter.getByRole('radio', { name: 'label', exact: true }).check();
  const labels = await cards.allTextContents();
  check(labels.length > 0 && labels.every((text) => text.startsWith(digit)), `${name}: filtered by label ${digit}: ${labels.join('; ')}`);
  check((await contents(filter.locator('[role=status]'))).includes(`with ${digit} as label`), `${name}: the filter is not told`);
}

await onScreens(file, SCREENS, async (page, screen) => {
  const { name } = screen;
  await checkWidth(page, name);
  await checkParts(page, name);
  await checkTheme(page, screen);
  for (const chart of [0, 1]) await checkColours(page.locator('#curves .chart').nth(chart), name);
  await checkCurves(page, 'curves', name);
  await checkSteps(page, name);
  await checkConfusion(page, name);
  await checkErrors(page, name);
  for (const flaw of await seriousFlaws(page, 'body')) check(false, `${name}: ${flaw}`);
});
