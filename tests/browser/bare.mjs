// A run of which little is known yet: no part of its page fails, and what is not there is said.
//   node bare.mjs PAGE.html BARE.html   PAGE is any run's; its data are replaced, and BARE is written
import { readFileSync, writeFileSync } from 'node:fs';
import { check, onScreens, SCREENS } from './browser.mjs';
import { checkWidth, contents } from './moves.mjs';

const [file, bare] = process.argv.slice(2);
const nothing = { val_accuracy: null, val_loss: null, val_correct: null, val_count: 0, best_epoch: null, epochs: 0, epochs_planned: 3, steps: 1, seconds: null,
  images_per_second: null, ranks: 1, threads: 1, shards: 8, machine: '', kernels: '', program: '', date: '', digest: '', data: { path: '', fingerprint: '', train_rows: null, validation_rows: 0 } };
const run = { name: '</script><img src=x onerror=alert(1)>', directory: '.', config_name: '<b>', seed: 0, status: 'under way', headline: nothing,
  epochs: { loss: [], accuracy: [], val_loss: [], val_accuracy: [], learning_rate: [], seconds: [], images_per_second: [], phases: {} },
  steps: { first: 0, every: 1, loss: [2.3], accuracy: [0.1], learning_rate: [0.001], gradient_norm: [0.5] }, steps_per_epoch: 10, restarts: [], missing: ['predictions.h5 is not there.'], config: [] };
const data = JSON.stringify({ program: 'mnist_dist', made: '', runs: [run] }).replaceAll('<', '\\u003c');
writeFileSync(bare, readFileSync(file, 'utf8').replace(/(<script id="data"[^>]*>)[^]*?(<\/script>)/, (_, open, close) => open + data + close));

await onScreens(bare, SCREENS.slice(1, 3), async (page, { name }) => {
  await checkWidth(page, name);
  check(await contents(page.locator('h1')) === run.name, `${name}: the name is not shown as it is`);
  const said = await page.locator('.absent').allTextContents();
  check(said.length >= 6 && said.every((text) => !text.includes('could not be drawn')), `${name}: said to be absent: ${said.join('; ')}`);
  check(await page.locator('#curves .plot canvas').count() > 0, `${name}: no chart of one step`);
});
