// Images of digits: cut out of one sheet by the style sheet, so that three hundred of them cost one picture.

// Names a sheet for all digits inside the element.
function useSheet(element, sheet) {
  element.style.setProperty('--sheet', `url("${sheet.png}")`);
  element.style.setProperty('--columns', sheet.columns);
}

function digit(sheet, place, description) {
  const column = place % sheet.columns;
  return el('span', { class: 'digit', role: 'img', 'aria-label': description,
    style: `--column: ${column}; --row: ${Math.floor(place / sheet.columns)}` });
}

// One judged image: how it looks, what it is, what it was taken for, and how sure the network was of either.
function card(run, index) {
  const image = run.images[index];
  const right = image.label === image.prediction;
  const bar = (name, digitName, value, kind) => el('div', { class: `odds ${kind}`, style: `--share: ${value}` },
    el('dt', {}, name, ' ', el('b', {}, digitName)), el('dd', {}, odds(value)));
  return el('li', { class: `card ${right ? 'right' : 'wrong'}` },
    digit(run.sprite, image.sprite, `Handwritten ${image.label}, row ${image.row} of the data`),
    el('p', { class: 'verdict' }, el('b', {}, image.label), right ? ' read right' : [' read as ', el('b', {}, image.prediction)]),
    el('dl', {}, right ? null : bar('read as', image.prediction, image.p_prediction, 'taken'), bar('label', image.label, image.p_label, 'true')),
    el('p', { class: 'row-name' }, `row ${image.row}`));
}

// A probability such that none that is not 0 or 1 looks so.
function odds(value) {
  if (value > 0 && value < 0.0001) return '<\u202f0.01\u202f%';
  if (value < 1 && value > 0.9999) return '>\u202f99.99\u202f%';
  return percent(value, value > 0.9995 || value < 0.0995 ? 2 : 1);
}

// A list of cards, of which so many are shown at once, fewer on a phone, and the others on request. show(indices) replaces it.
function gallery(run, label, desktop, phone) {
  const atOnce = window.matchMedia('(max-width: 599px)').matches ? phone : desktop;
  const list = el('ul', { class: 'cards', 'aria-label': label });
  const more = el('button', { type: 'button', class: 'plain' });
  const unprinted = el('p', { class: 'note on-paper' });
  const element = el('div', {}, list, more, unprinted);
  let rest = [];
  const next = () => {
    const now = rest.splice(0, atOnce);
    append(list, now.map((index) => card(run, index)));
    more.hidden = rest.length === 0;
    unprinted.textContent = rest.length ? `${count(rest.length)} more are in the page itself.` : '';
    more.textContent = `Show ${count(Math.min(rest.length, atOnce))} more of ${count(rest.length)}`;
    return now.length;
  };
  more.addEventListener('click', () => {
    const before = list.children.length;
    next();
    const first = list.children[before];
    first.tabIndex = -1;
    first.focus();
  });
  const show = (indices) => {
    list.replaceChildren();
    rest = [...indices];
    next();
  };
  return { element, show };
}

function noPredictions(run) {
  return absent(run.missing && run.missing.length ? run.missing.join(' ')
    : 'The run has left no predictions (predictions.h5) yet; they come with its end.');
}

const hasImages = (run) => run.images && run.sprite && run.sprite.png;

function showErrors(section, run) {
  if (!hasImages(run)) {
    section.append(noPredictions(run));
    return;
  }
  if (!run.errors.length) {
    section.append(absent('None: every held-out digit was read right.'));
    return;
  }
  const filter = { digit: 'all', side: 'either' };
  const cards = gallery(run, 'Errors, the surest first', 112, 24);
  const told = el('p', { class: 'note', role: 'status' });
  const passes = ({ label, prediction }) => filter.digit === 'all' ||
    (filter.side !== 'prediction' && label === Number(filter.digit)) || (filter.side !== 'label' && prediction === Number(filter.digit));
  const apply = () => {
    const shown = run.errors.filter((index) => passes(run.images[index]));
    cards.show(shown);
    const where = { either: 'as label or prediction', label: 'as label', prediction: 'as prediction' }[filter.side];
    told.textContent = filter.digit === 'all' ? `${run.errors_left_out ? `The surest ${count(shown.length)} of ${plural(shown.length + run.errors_left_out, 'error')}` : plural(shown.length, 'error')}.` : `${count(shown.length)} of ${plural(run.errors.length, 'error')}, with ${filter.digit} ${where}.`;
  };
  const side = choice({ name: 'error-side', label: 'as', options: [['either', 'either'], ['label', 'label'], ['prediction', 'prediction']], value: 'either',
    change: (value) => { filter.side = value; apply(); } });
  append(section, [el('div', { class: 'controls' },
    choice({ name: 'error-digit', label: 'Digit', options: [['all', 'all'], ...Array.from({ length: 10 }, (_, i) => [String(i), String(i)])], value: 'all',
      change: (value) => { filter.digit = value; apply(); } }),
    side), told, cards.element]);
  apply();
}

function showUnsure(section, run) {
  if (!hasImages(run) || !run.unsure || !run.unsure.length) {
    section.append(noPredictions(run));
    return;
  }
  const cards = gallery(run, 'The least sure first', 28, 12);
  section.append(cards.element);
  cards.show(run.unsure);
}
