// Elements, numbers and colours: what all other scripts of the page share. Texts reach the page as text nodes only,
// never as markup, so that nothing in a run's names or configuration can become code.

// el('td', { class: 'number' }, 'text', child, ...): an element. Attributes that are null or false are left out;
// a function is a listener ({ onclick: f }); children that are null are skipped.
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

const ABSENT = '–';
const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

function count(value) {
  return known(value) ? Math.round(value).toLocaleString('en') : ABSENT;
}

// A share as per cent, with a narrow space before the sign.
function percent(value, digits = 2) {
  return known(value) ? `${(100 * value).toFixed(digits)}\u202f%` : ABSENT;
}

// A number with so many significant digits, never as 1e-7 where 0.0001 would do.
function figure(value, digits = 4) {
  if (!known(value)) return ABSENT;
  const size = Math.abs(value);
  if (size >= 1e6) return count(value);
  if (size !== 0 && size < 1e-4) return value.toExponential(Math.min(2, digits - 1)).replace(/\.?0+e/, 'e');
  return String(Number(value.toPrecision(digits)));
}

// The same number of decimals for all values of a kind, so that figures stand below each other.
function fixed(value, decimals) {
  return known(value) ? value.toFixed(decimals) : ABSENT;
}

function duration(seconds) {
  if (!known(seconds)) return ABSENT;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)}\u00a0s`;
  const whole = Math.round(seconds);
  const two = (n) => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}\u00a0min ${two(whole % 60)}\u00a0s`;
  return `${Math.floor(whole / 3600)}\u00a0h ${two(Math.floor((whole % 3600) / 60))}\u00a0min`;
}

// 2026-11-25T20:07:44Z as people read it; anything else as it is.
function moment(text) {
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(text || '');
  return parts ? `${parts[1]} ${parts[2]}\u00a0UTC` : text || ABSENT;
}

function plural(number, one, many) {
  return `${count(number)} ${number === 1 ? one : many || `${one}s`}`;
}

// table({ caption, head, rows, numbers: columns that hold figures, class, hideCaption }): a table in a frame that
// scrolls by itself where the screen is narrow. A cell is a text, a node or a list of them; the first of a row is its header.
function table({ caption, head, rows, numbers = [], hideCaption = false, class: kind = '' }) {
  const isNumber = (column) => (numbers.includes(column) ? 'number' : null);
  const body = rows.map((cells) =>
    el('tr', {}, cells.map((cell, i) =>
      i === 0 ? el('th', { scope: 'row', class: isNumber(0) }, cell) : el('td', { class: isNumber(i) }, cell))));
  const element = el('table', { class: kind },
    el('caption', { class: hideCaption ? 'hidden' : null }, caption),
    el('thead', {}, el('tr', {}, head.map((cell, i) => el('th', { scope: 'col', class: isNumber(i) }, cell)))),
    el('tbody', {}, body));
  const frame = el('div', { class: 'scroll' }, element);
  frameSizes.observe(frame);
  return frame;
}

// A frame that has something to scroll is a named stop for the keyboard; one that has not is none.
const frameSizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const scrolls = target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight;
    const marks = { tabindex: '0', role: 'region', 'aria-label': target.querySelector('caption').textContent };
    for (const [name, value] of Object.entries(marks)) {
      if (scrolls) target.setAttribute(name, value);
      else target.removeAttribute(name);
    }
  }
});

// choice({ name, label, options: [[value, text]], value, change }): a row of radio buttons that looks like one switch.
function choice({ name, label, options, value, change }) {
  const inputs = options.map(([key, text, title]) =>
    el('label', {}, el('input', { type: 'radio', name, value: key, checked: key === value, 'aria-label': title || null,
      onchange: () => change(key) }), el('span', {}, text)));
  return el('fieldset', { class: 'choice' }, el('legend', {}, label), el('div', { class: 'choices' }, inputs));
}

// A configuration's key, which may be broken at its dots and underscores and nowhere else.
function keyName(key) {
  return el('code', {}, key.split(/(?<=[._])/).flatMap((part, i) => (i ? [el('wbr'), part] : [part])));
}

function absent(text) {
  return el('p', { class: 'absent' }, text);
}

// A colour of the theme that is in force, by the name of its CSS variable.
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// What has to be drawn anew when the colours change (canvases).
const repaints = [];
function onTheme(repaint) {
  repaints.push(repaint);
}

function offTheme(repaint) {
  repaints.splice(repaints.indexOf(repaint), 1);
}

function repaintAll() {
  for (const repaint of repaints) repaint();
}

// The theme's switch; the choice is kept where the browser lets a file keep one.
function startTheme() {
  const set = (value) => {
    if (value === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
    repaintAll();
  };
  const storage = (use) => {
    try {
      return use(window.localStorage);
    } catch {
      return null;
    }
  };
  const kept = storage((s) => s.getItem('mnist_dist theme'));
  for (const input of document.querySelectorAll('#theme input')) {
    if (input.value === kept) input.checked = true;
    input.addEventListener('change', () => {
      storage((s) => s.setItem('mnist_dist theme', input.value));
      set(input.value);
    });
  }
  if (kept === 'light' || kept === 'dark') set(kept);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaintAll);
}

// Paper is light: canvases are redrawn in light colours and at the paper's width, and put back afterwards.
function startPrinting() {
  let theme;
  window.addEventListener('beforeprint', () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = 'light';
    document.documentElement.classList.add('printing');
    repaintAll();
  });
  window.addEventListener('afterprint', () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    document.documentElement.classList.remove('printing');
    repaintAll();
  });
}
