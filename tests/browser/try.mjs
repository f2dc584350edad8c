// Draws digits stroke by stroke in the page's box, with the mouse and with a finger, and sees them recognised.
//   node try.mjs PAGE.html MISSES       so many of the digits may be misread on each screen
import { check, onScreens, seriousFlaws, SCREENS } from './browser.mjs';

const [file, misses] = process.argv.slice(2);

// Strokes in a box of 1 by 1, x to the right and y downwards, as people write.
const circle = Array.from({ length: 17 }, (_, i) => [0.5 + 0.24 * Math.sin((i / 8) * Math.PI), 0.5 - 0.36 * Math.cos((i / 8) * Math.PI)]);
const DIGITS = [
  [circle],
  [[[0.54, 0.15], [0.48, 0.85]]],
  [[[0.28, 0.32], [0.35, 0.2], [0.5, 0.15], [0.65, 0.22], [0.68, 0.35], [0.6, 0.5], [0.42, 0.68], [0.25, 0.82], [0.5, 0.82], [0.75, 0.8]]],
  [[[0.3, 0.2], [0.5, 0.14], [0.66, 0.22], [0.64, 0.38], [0.48, 0.47], [0.66, 0.56], [0.7, 0.72], [0.52, 0.86], [0.28, 0.8]]],
  [[[0.35, 0.15], [0.28, 0.52], [0.72, 0.5]], [[0.62, 0.2], [0.6, 0.88]]],
  [[[0.35, 0.18], [0.32, 0.46], [0.5, 0.42], [0.66, 0.52], [0.68, 0.7], [0.5, 0.84], [0.28, 0.8]], [[0.35, 0.18], [0.7, 0.16]]],
  [[[0.62, 0.14], [0.42, 0.32], [0.32, 0.6], [0.4, 0.82], [0.58, 0.84], [0.68, 0.7], [0.58, 0.56], [0.4, 0.6], [0.33, 0.7]]],
  [[[0.25, 0.2], [0.72, 0.2], [0.62, 0.5], [0.45, 0.85]]],
  [[[0.62, 0.26], [0.48, 0.16], [0.36, 0.28], [0.5, 0.46], [0.66, 0.66], [0.52, 0.84], [0.36, 0.7], [0.5, 0.5], [0.64, 0.34], [0.6, 0.24]]],
  [[[0.64, 0.3], [0.5, 0.18], [0.34, 0.3], [0.4, 0.46], [0.56, 0.44], [0.66, 0.28], [0.62, 0.6], [0.56, 0.86]]],
];

function mousePen({ mouse }) {
  const down = async (x, y) => {
    await mouse.move(x, y);
    await mouse.down();
  };
  return { down, move: (x, y) => mouse.move(x, y), up: () => mouse.up() };
}

async function fingerPen(page) {
  const session = await page.context().newCDPSession(page);
  const send = (type, ...touchPoints) => session.send('Input.dispatchTouchEvent', { type, touchPoints });
  return { down: (x, y) => send('touchStart', { x, y }), move: (x, y) => send('touchMove', { x, y }), up: () => send('touchEnd') };
}

const scrolled = (page) => page.evaluate(() => window.scrollY);

// At `scale` of the box's size, its middle moved by `shift` of the box. The page stays where it is meanwhile.
async function draw(page, pen, strokes, scale, shift) {
  await page.locator('.board').evaluate((board) => board.scrollIntoView({ block: 'center', behavior: 'instant' }));
  const before = await scrolled(page);
  const box = await page.locator('.board').boundingBox();
  const place = ([x, y]) => [box.x + box.width * (0.5 + (x - 0.5) * scale + shift), box.y + box.height * (0.5 + (y - 0.5) * scale - shift)];
  for (const stroke of strokes) {
    await pen.down(...place(stroke[0]));
    for (const point of stroke.slice(1)) await pen.move(...place(point));
    await pen.up();
  }
  check(await scrolled(page) === before, 'the page scrolled under the pen');
}

// What the page says, once it has looked at what is drawn.
async function reading(page) {
  await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
  return page.evaluate(() => ({
    said: document.querySelector('.answer').textContent,
    chances: [...document.querySelectorAll('.chances .value')].map((value) => parseFloat(value.textContent)),
    ink: document.querySelector('.seen').getContext('2d').getImageData(0, 0, 28, 28).data.filter((_, i) => i % 4 === 0),
  })).then((read) => ({ ...read, ink: Object.values(read.ink) }));
}

// MNIST's place and size: 20 pixels at most, the centre of mass at the 14th.
function checkPlace({ ink }, name) {
  const mass = ink.reduce((a, b) => a + b);
  for (const [axis, at] of [['row', (i) => Math.floor(i / 28)], ['column', (i) => i % 28]]) {
    const used = [...ink.keys()].filter((i) => ink[i] > 0).map(at);
    const [first, last] = [Math.min(...used), Math.max(...used)];
    const centre = ink.reduce((sum, value, i) => sum + value * at(i), 0) / mass;
    check(last - first < 20, `${name}: ${last - first + 1} of ${axis}s`);
    check(first === 0 || last === 27 || Math.abs(centre - 14) <= 0.52, `${name}: centre of mass at ${axis} ${centre.toFixed(2)}`);
  }
}

async function checkDigits(page, pen, name, digits, scale, shift) {
  const read = [];
  for (const digit of digits) {
    await page.locator('.pad-tools button', { hasText: 'Clear' }).press('Enter');
    check((await reading(page)).said === '', `${name}: something is read in an empty box`);
    await draw(page, pen, DIGITS[digit], scale, shift);
    const { said, chances, ink } = await reading(page);
    const sum = chances.reduce((a, b) => a + b);
    check(Math.abs(sum - 100) < 0.6, `${name}: the chances of ${digit} are ${sum} % together`);
    checkPlace({ ink }, `${name}: ${digit}`);
    read.push(said);
  }
  const wrong = digits.filter((digit, i) => read[i] !== String(digit));
  console.log(`${name}: ${digits.join(' ')} read as ${read.join(' ')}`);
  check(wrong.length <= Number(misses), `${name}: not recognised: ${wrong.join(' ')}`);
}

// Lines are taken back one by one, by button and by key; a screen reader is told at last, and the focus stays.
async function checkTools(page, pen, name) {
  const undo = page.locator('.pad-tools button', { hasText: 'Undo' });
  await page.locator('.pad-tools button', { hasText: 'Clear' }).press('Enter');
  await draw(page, pen, DIGITS[1], 0.8, 0);
  const one = await reading(page);
  await page.waitForFunction((text) => document.querySelector('.try [role=status]').textContent.startsWith(text), `Looks like ${one.said}, `, { timeout: 5000 });
  await draw(page, pen, DIGITS[0], 0.8, 0.1);
  await undo.press('Enter');
  check(String((await reading(page)).chances) === String(one.chances), `${name}: undo gives other numbers than before`);
  await undo.press('Control+z');
  check((await reading(page)).said === '', `${name}: something is left after all was undone`);
  check(await undo.evaluate((button) => button === document.activeElement), `${name}: undo has lost the focus`);
  check(await page.locator('.hint').isVisible(), `${name}: an empty box does not invite`);
}

// A held-out image goes in as it is.
async function checkSamples(page, name) {
  const samples = page.locator('.sample:not(.wrong)');
  check(await samples.count() > 0, `${name}: no samples`);
  for (let i = 0; i < await samples.count(); i++) {
    const label = (await samples.nth(i).getAttribute('title')).at(-1);
    await samples.nth(i).press('Enter');
    await page.waitForFunction((text) => document.querySelector('.answer').textContent === text, label, { timeout: 5000 })
      .catch(() => check(false, `${name}: the held-out ${label} is not read as it was`));
  }
}

const ALL = DIGITS.map((_, digit) => digit);

await onScreens(file, SCREENS, async (page, screen) => {
  const { name } = screen;
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.locator('.board').waitFor();
  const pen = await (screen.touch ? fingerPen : mousePen)(page);
  await checkTools(page, pen, name);
  await checkSamples(page, name);
  // Large on light screens; small and to one side on dark ones.
  const [scale, shift] = screen.scheme === 'dark' ? [0.4, 0.15] : [1, 0];
  await checkDigits(page, pen, name, Boolean(screen.touch) === (screen.scheme === 'dark') ? ALL : [0, 1, 7], scale, shift);
  check(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${name}: wider than the screen`);
  for (const flaw of await seriousFlaws(page, '#try')) check(false, `${name}: ${flaw}`);
});
