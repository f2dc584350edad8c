// A headless browser for the tests beside this: pages of several sizes and themes, of which no word on the console is
// passed over.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const need = createRequire(`${process.env.NODE_MODULES}/none.js`);
const { chromium } = need('playwright-core');

let failures = 0;
export function check(good, text) {
  if (good) return;
  failures++;
  console.error(`FAILED: ${text}`);
}

// Root needs --no-sandbox; the rest keeps Chromium from asking for anything of its own.
const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const SCREENS = [
  { name: 'desktop light', width: 1440, height: 900, scheme: 'light' },
  { name: 'desktop dark', width: 1440, height: 900, scheme: 'dark' },
  { name: 'phone light', width: 390, height: 844, scheme: 'light', touch: true },
  { name: 'phone dark', width: 390, height: 844, scheme: 'dark', touch: true },
];

// Calls test(browser), and ends the program.
async function withBrowser(test) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ARGUMENTS });
  await test(browser);
  await browser.close();
  process.exit(failures ? 1 : 0);
}

// Calls test(page, screen) for each screen with the file open, and ends the program. SHOTS, if set, names a folder for pictures.
export async function onScreens(file, screens, test) {
  const url = pathToFileURL(file).href;
  await withBrowser(async (browser) => {
    for (const screen of screens) {
      const context = await browser.newContext({ viewport: { width: screen.width, height: screen.height }, colorScheme: screen.scheme, hasTouch: Boolean(screen.touch), bypassCSP: false });
      const page = await context.newPage();
      page.on('console', (message) => check(!['error', 'warning'].includes(message.type()), `${screen.name}: console: ${message.text()}`));
      page.on('pageerror', (error) => check(false, `${screen.name}: ${error.message}`));
      page.on('request', (request) => check(request.url() === url || /^(data|blob):/.test(request.url()), `${screen.name}: the page asks for ${request.url().slice(0, 200)}`));
      await page.goto(url);
      await test(page, screen);
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${screen.name.replace(' ', '-')}.png` });
      await context.close();
    }
  });
}

// Calls test(page) with another's page open, whose console and requests are its own affair, and ends the program.
export async function onPage(url, viewport, test) {
  await withBrowser(async (browser) => {
    const page = await browser.newPage({ viewport });
    await page.goto(url);
    await test(page);
  });
}

// What axe-core finds that is serious or worse, within the element.
export async function seriousFlaws(page, selector) {
  await page.evaluate(readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate((inside) => globalThis.axe.run(inside), selector);
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}
