// The confusion matrix: a table of buttons, one of which is in the tab order; arrow keys move among them.

function showConfusion(section, run) {
  if (!run.confusion) {
    section.append(noPredictions(run));
    return;
  }
  const panel = el('div', { class: 'cell-panel', role: 'status' });
  const cells = [];
  const totals = run.confusion.map((row) => row.reduce((sum, n) => sum + n, 0));
  const worst = Math.max(1, ...run.confusion.flatMap((row, i) => row.filter((n, j) => i !== j)));
  const body = run.confusion.map((row, label) => {
    cells.push(row.map((n, prediction) => cellButton(n, totals[label], label, prediction, worst)));
    return el('tr', {}, el('th', { scope: 'row' }, label), cells[label].map((button) => el('td', {}, button)), el('td', { class: 'total' }, count(totals[label])));
  });
  const columns = run.confusion.map((row, j) => run.confusion.reduce((sum, other) => sum + other[j], 0));
  const matrix = el('table', { class: 'matrix' },
    el('caption', { class: 'hidden' }, 'Confusion matrix: held-out digits by label (rows) and prediction (columns)'),
    el('thead', {}, el('tr', {}, el('th', { scope: 'col', class: 'corner' }, el('span', {}, 'read as →'), ' ', el('span', {}, 'label ↓')),
      run.confusion.map((row, i) => el('th', { scope: 'col' }, i)), el('th', { scope: 'col', class: 'total' }, 'all'))),
    el('tbody', {}, body),
    el('tfoot', {}, el('tr', {}, el('th', { scope: 'row' }, 'all'), columns.map((n) => el('td', { class: 'total' }, count(n))), el('td', { class: 'total' }, count(totals.reduce((a, b) => a + b, 0))))));
  section.append(el('div', { class: 'confusion' }, matrix, panel));
  const choose = (label, prediction) => chooseCell(run, panel, cells, label, prediction, totals[label]);
  matrix.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button) choose(Number(button.dataset.label), Number(button.dataset.prediction));
  });
  matrix.addEventListener('keydown', (event) => moveInMatrix(event, cells));
  const [label, prediction] = mostConfused(run.confusion);
  choose(label, prediction);
}

function cellButton(n, total, label, prediction, worst) {
  const right = label === prediction;
  const share = total ? n / total : 0;
  const strength = right ? share ** 3 : Math.sqrt(n / worst);
  return el('button', { type: 'button', tabindex: -1, class: right ? 'hit' : n ? 'miss' : 'zero', 'data-label': label, 'data-prediction': prediction, 'aria-pressed': 'false',
    style: `--strength: ${strength.toFixed(3)}` },
  n ? el('span', {}, count(n)) : el('span', { 'aria-hidden': 'true' }, '·'), n ? ' ' : null, n ? el('small', {}, share >= 0.9995 ? '100' : (100 * share).toFixed(1)) : null,
  el('span', { class: 'hidden' }, n ? ` per cent of label ${label} read as ${prediction}` : `no ${label} read as ${prediction}`));
}

function mostConfused(confusion) {
  let best = [0, 0];
  let most = 0;
  confusion.forEach((row, i) => row.forEach((n, j) => {
    if (i !== j && n > most) {
      most = n;
      best = [i, j];
    }
  }));
  return best;
}

// Shows the images of a cell, and makes it the one that Tab reaches.
function chooseCell(run, panel, cells, label, prediction, total) {
  for (const button of cells.flat()) {
    const chosen = button === cells[label][prediction];
    button.setAttribute('aria-pressed', String(chosen));
    button.tabIndex = chosen ? 0 : -1;
  }
  const n = run.confusion[label][prediction];
  const images = hasImages(run) && run.cells ? run.cells[label][prediction] : [];
  const title = el('h3', {}, label === prediction ? `${label} read right` : `${label} read as ${prediction}`,
    el('small', {}, `${plural(n, 'image')}, ${percent(total ? n / total : 0, 1)} of the ${count(total)}`));
  const list = el('ul', { class: 'thumbs' }, images.map((index) => {
    const image = run.images[index];
    return el('li', {}, digit(run.sprite, image.sprite, `Handwritten ${image.label}, row ${image.row}, read as ${image.prediction} with ${odds(image.p_prediction)}`),
      el('span', { 'aria-hidden': 'true' }, odds(image.p_prediction)));
  }));
  const words = n === 0 ? absent('No held-out digit was read so.') : !images.length ? absent('Its images are not in this page.')
    : images.length < n ? el('p', { class: 'note' }, `${count(images.length)} of them, with the probability of the prediction:`)
      : el('p', { class: 'note' }, 'With the probability of the prediction:');
  panel.replaceChildren(title, words, list);
}

function moveInMatrix(event, cells) {
  const button = event.target.closest('button');
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  if (!button || !steps[event.key]) return;
  event.preventDefault();
  const [down, across] = steps[event.key];
  const next = (cells[Number(button.dataset.label) + down] || [])[Number(button.dataset.prediction) + across];
  if (next) next.focus();
}
