// The page of several runs.
//   node compare.mjs PAGE.html RUNS GROUPS
import { check, onScreens, seriousFlaws, SCREENS } from './browser.mjs';
import { checkCurves, checkWidth, contents } from './moves.mjs';

const [file, runs, groups] = process.argv.slice(2);

async function checkTables(page, name) {
  const rows = { '#figures tbody tr': Number(groups), '#runs tbody tr': Number(runs) };
  for (const [selector, expected] of Object.entries(rows)) {
    const count = await page.locator(selector).count();
    check(count === expected, `${name}: ${count} of ${selector}, not ${expected}`);
  }
  check(/±/.test(await contents(page.locator('#figures tbody'))), `${name}: no deviation over the seeds`);
  check(/differ on|same digits/.test(await contents(page.locator('#tests tbody').first())), `${name}: the test says nothing in words`);
  check(await page.locator('#differing tbody tr').count() >= 1, `${name}: no key differs`);
}

async function checkHiding(page, name) {
  const entries = page.locator('#overlay .chart').first().locator('.entry:visible');
  check(await entries.count() === Number(runs), `${name}: ${await entries.count()} curves of ${runs} runs`);
  const group = page.locator('.switches input').first();
  await group.uncheck();
  check(await entries.count() < Number(runs), `${name}: no run is hidden`);
  await page.getByRole('radio', { name: 'time', exact: true }).check();
  check((await contents(page.locator('#overlay .reading-x').first())).startsWith('after'), `${name}: no curves by time`);
  check(await entries.count() < Number(runs), `${name}: by time, the hidden runs are back`);
  await group.check();
  check(await entries.count() === Number(runs), `${name}: a run does not come back`);
}

// Runs that were judged on other digits are told to be.
async function checkJudging(page, name) {
  check(await page.locator('#overview .note').count() === 0, `${name}: runs of the same data are said to differ in their digits`);
  const other = await page.evaluate(() => {
    const { runs, comparison } = JSON.parse(byId('data').textContent);
    const limited = judgedAlike(runs, { ...comparison, differing: [{ key: 'data.limit', values: [] }] });
    runs[0].headline.data.fingerprint = 'another';
    return limited || judgedAlike(runs, comparison);
  });
  check(other === false, `${name}: other held-out digits are not told`);
}

await onScreens(file, SCREENS, async (page, { name }) => {
  await checkWidth(page, name);
  await checkTables(page, name);
  await checkJudging(page, name);
  await checkCurves(page, 'overlay', name);
  await checkHiding(page, name);
  for (const flaw of await seriousFlaws(page, 'body')) check(false, `${name}: ${flaw}`);
});
