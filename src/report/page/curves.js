// A run's curves: loss and accuracy by epoch or by step, and what else was recorded.

const TRAINING = { name: 'training', colour: 'training' };
const VALIDATION = { name: 'validation', colour: 'validation' };
const PHASES = [['fill', 'c6'], ['forward', 'c1'], ['backward', 'c2'], ['sync', 'c3'], ['optimizer', 'c4'], ['evaluate', 'c5'], ['checkpoint', 'c7']];

const ACCURACY = { text: (y) => percent(y), axis: (y) => `${Number((100 * y).toPrecision(4))}\u202f%` };
const LOSS = { text: (y) => figure(y, 4), axis: (y) => figure(y, 3) };
const PLAIN = { text: (y) => figure(y, 4), axis: (y) => figure(y, 3) };
const WHOLE = { text: (y) => count(y), axis: (y) => count(y) };
const SECONDS = { text: (y) => `${figure(y, 3)}\u00a0s`, axis: (y) => `${figure(y, 3)}\u00a0s` };

const some = (values) => Array.isArray(values) && values.some(known);

function showCurves(section, run) {
  const epochs = run.epochs || {};
  const steps = run.steps || {};
  if (!some(epochs.loss) && !some(steps.loss)) {
    section.append(absent('Nothing has been recorded yet: the curves come with the first step.'));
    return;
  }
  const grid = el('div', { class: 'charts' });
  const view = { by: some(epochs.loss) ? 'epoch' : 'step', window: firstWindow(steps.loss || []) };
  const pairs = [pairChart(run, 'Loss', 'loss', { ...LOSS, log: true }), pairChart(run, 'Accuracy', 'accuracy', ACCURACY)];
  append(section, [controls(run, view, pairs), grid]);
  for (const pair of pairs) pair.draw(view, grid);
  const others = [
    some(steps.learning_rate) ? stepChart(run, 'Learning rate', 'learning_rate', { ...PLAIN, zero: true }) : epochChart(run, 'Learning rate', 'learning_rate', { ...PLAIN, zero: true }),
    stepChart(run, 'Gradient norm', 'gradient_norm', { ...PLAIN, log: true, mean: true }),
    epochChart(run, 'Speed', 'images_per_second', { ...WHOLE, zero: true, note: 'images a second' }),
    phaseChart(run),
  ];
  for (const other of others.filter(Boolean)) {
    grid.append(other.element);
    other.start();
  }
  restartList(section, run);
}

// By epoch or by step, and over how many steps a step's noise is averaged.
function controls(run, view, pairs) {
  if (!some(run.steps && run.steps.loss) || !some(run.epochs.loss)) return null;
  const grid = () => byId('curves').querySelector('.charts');
  const redraw = () => pairs.forEach((pair) => pair.draw(view, grid()));
  const smoothing = el('label', { class: 'select' }, 'Mean over ',
    el('select', { onchange: (event) => { view.window = Number(event.target.value); redraw(); } },
      [1, 10, 50, 200].map((n) => el('option', { value: n, selected: n === view.window }, plural(n, 'step')))));
  smoothing.hidden = view.by !== 'step';
  return el('div', { class: 'controls' },
    choice({ name: 'curves-by', label: 'Loss and accuracy by', options: [['epoch', 'epoch'], ['step', 'step']], value: view.by,
      change: (by) => { view.by = by; smoothing.hidden = by !== 'step'; redraw(); } }),
    smoothing);
}

function firstWindow(steps) {
  return steps.length > 2000 ? 50 : steps.length > 200 ? 10 : 1;
}

// Mean over the last n values, fewer at the start. Nulls count for nothing.
function trailingMean(values, n) {
  if (n <= 1) return values;
  let sum = 0;
  let held = 0;
  return values.map((value, i) => {
    if (known(value)) { sum += value; held += 1; }
    const old = i >= n ? values[i - n] : null;
    if (known(old)) { sum -= old; held -= 1; }
    return held ? sum / held : null;
  });
}

const epochText = (x) => `epoch ${figure(x, 6)}`;
const stepText = (run) => (x) => `step ${count(x)}${run.steps_per_epoch ? `, epoch ${Math.floor((x - 1) / run.steps_per_epoch) + 1}` : ''}`;
const restartMarks = (run, by) => (run.restarts || []).map((restart) => ({ label: restart.diverged ? 'setback' : 'restart',
  x: by === 'step' ? restart.step + 0.5 : Math.max(1, run.steps_per_epoch ? restart.step / run.steps_per_epoch : restart.epoch - 0.5) }));

function epochRows(run, ...keys) {
  const length = Math.max(0, ...keys.map((key) => (run.epochs[key] || []).length));
  return Array.from({ length }, (_, i) => [i + 1, ...keys.map((key) => (run.epochs[key] || [])[i] ?? null)]);
}

// A value stands for `every` steps, of which the last is its place.
const stepOf = (run, i) => run.steps.first + (i + 1) * (run.steps.every || 1);

// Training of each step, validation where an epoch ends.
function stepRows(run, key, window) {
  const rows = trailingMean(run.steps[key], Math.round(window / (run.steps.every || 1))).map((value, i) => [stepOf(run, i), value, null]);
  (run.epochs[`val_${key}`] || []).forEach((value, epoch) => {
    const row = Math.ceil(((epoch + 1) * run.steps_per_epoch - run.steps.first) / (run.steps.every || 1)) - 1;
    if (rows[row]) rows[row][2] = value;
  });
  return rows;
}

// Loss or accuracy, of both kinds of rows; drawn anew when the axis is changed, since a chart's axis is part of it.
function pairChart(run, title, key, look) {
  let current = null;
  const make = (view) => (view.by === 'epoch'
    ? chart({ title, note: 'by epoch', xName: 'epoch', xText: epochText, xWhole: true, series: [TRAINING, VALIDATION], rows: epochRows(run, key, `val_${key}`),
      marks: restartMarks(run, 'epoch'), height: 260, ...look })
    : chart({ title, note: 'by step', xName: 'step', xText: stepText(run), series: [{ ...TRAINING, width: 1.25 }, { ...VALIDATION, points: true }],
      rows: stepRows(run, key, view.window), marks: restartMarks(run, 'step'), height: 260, ...look }));
  const draw = (view, grid) => {
    if (current && current.by === view.by) {
      if (view.by === 'step') current.chart.setRows(stepRows(run, key, view.window));
      return;
    }
    const next = make(view);
    if (current) {
      current.chart.element.replaceWith(next.element);
      current.chart.stop();
    } else grid.append(next.element);
    current = { by: view.by, chart: next };
    next.start();
  };
  return { draw };
}

function epochChart(run, title, key, look) {
  if (!some(run.epochs[key])) return null;
  return chart({ title, note: 'by epoch', xName: 'epoch', xText: epochText, xWhole: true, series: [{ name: title.toLowerCase(), colour: 'accent' }],
    rows: epochRows(run, key), marks: restartMarks(run, 'epoch'), ...look });
}

function stepChart(run, title, key, look) {
  if (!run.steps || !some(run.steps[key])) return null;
  const values = run.steps[key].map((value) => (known(value) && (!look.log || value > 0) ? value : null));
  const window = look.mean ? Math.round(firstWindow(values) / (run.steps.every || 1)) : 1;
  const means = window > 1 ? trailingMean(values, window) : null;
  const series = means ? [{ name: run.steps.every > 1 ? `mean of ${run.steps.every}` : 'each step', colour: 'faint', width: 1 }, { name: `mean of ${window * (run.steps.every || 1)}`, colour: 'accent', width: 1.25 }]
    : [{ name: title.toLowerCase(), colour: 'accent' }];
  return chart({ title, note: 'by step', xName: 'step', xText: stepText(run), series,
    rows: values.map((value, i) => (means ? [stepOf(run, i), value, means[i]] : [stepOf(run, i), value])), marks: restartMarks(run, 'step'), ...look });
}

function phaseChart(run) {
  const phases = run.epochs.phases || {};
  const present = PHASES.filter(([name]) => some(phases[name]));
  if (!present.length) return null;
  const length = Math.max(...present.map(([name]) => phases[name].length));
  const rows = Array.from({ length }, (_, i) => [i + 1, ...present.map(([name]) => phases[name][i] ?? null)]);
  return chart({ title: 'Time per phase', note: 'seconds of an epoch on rank 0, all threads', xName: 'epoch', xText: epochText, xWhole: true, stacked: true, zero: true, ...SECONDS,
    series: present.map(([name, shade]) => ({ name, colour: shade })), rows, marks: restartMarks(run, 'epoch') });
}

function restartList(section, run) {
  const all = run.restarts || [];
  const restarts = all.filter((restart) => !restart.diverged);
  const setbacks = all.filter((restart) => restart.diverged);
  if (restarts.length) append(section, [el('p', { class: 'note' }, 'Taken up again ', restarts.map((restart, i) => [i ? '; ' : '',
    `after step ${count(restart.step)} (epoch ${count(restart.epoch)})${restart.date ? `, ${moment(restart.date)}` : ''}${known(restart.ranks) ? `, on ${plural(restart.ranks, 'rank')}` : ''}`]), '.')]);
  if (setbacks.length) append(section, [el('p', { class: 'note' }, 'Diverged, and went back at half the learning rate, ', setbacks.map((setback, i) => [i ? '; ' : '',
    `before step ${count(setback.diverged)} to ${setback.step ? `step ${count(setback.step)} (epoch ${count(setback.epoch)})` : 'the initial weights'}`]), '.')]);
}
