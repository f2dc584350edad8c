// Curves of several runs over each other, with one legend that hides and shows runs in all charts.

const OVERLAYS = [['Validation accuracy', 'val_accuracy', ACCURACY], ['Validation loss', 'val_loss', { ...LOSS, log: true }],
  ['Training accuracy', 'accuracy', ACCURACY], ['Training loss', 'loss', { ...LOSS, log: true }]];

function showOverlay(section, { runs, comparison }) {
  const view = { by: 'epoch', hidden: new Set(), charts: [] };
  const grid = el('div', { class: 'charts' });
  const draw = () => {
    view.charts.forEach((drawn) => drawn.stop());
    view.charts = OVERLAYS.filter(([, key]) => runs.some((run) => some(run.epochs[key]))).map(([title, key, look]) => overlayChart(runs, comparison, view, title, key, look));
    grid.replaceChildren(...view.charts.map((drawn) => drawn.element));
    view.charts.forEach((drawn) => drawn.start());
    runs.forEach((run, i) => { if (view.hidden.has(i)) view.charts.forEach((drawn) => drawn.show(i, false)); });
  };
  append(section, [
    el('div', { class: 'controls' }, choice({ name: 'overlay-by', label: 'By', options: [['epoch', 'epoch'], ['time', 'time']], value: 'epoch', change: (by) => { view.by = by; draw(); } })),
    runSwitches(runs, comparison, view), grid]);
  draw();
}

// A box for each configuration and, where it has several runs, one for each of its seeds.
function runSwitches(runs, comparison, view) {
  const boxes = new Map();
  const set = (i, visible) => {
    if (visible) view.hidden.delete(i);
    else view.hidden.add(i);
    boxes.get(i).checked = visible;
    view.charts.forEach((drawn) => drawn.show(i, visible));
  };
  const rows = comparison.groups.map((group, g) => {
    const whole = el('input', { type: 'checkbox', checked: true, onchange: () => group.runs.forEach((i) => set(i, whole.checked)) });
    const settle = () => {
      const shown = group.runs.filter((i) => !view.hidden.has(i)).length;
      whole.checked = shown > 0;
      whole.indeterminate = shown > 0 && shown < group.runs.length;
    };
    const seeds = group.runs.map((i, seat) => {
      const box = el('input', { type: 'checkbox', checked: true, onchange: () => { set(i, box.checked); settle(); } });
      boxes.set(i, box);
      const one = group.runs.length === 1;
      return el('label', { class: 'check seed', hidden: one }, box, swatch(g, seat), known(runs[i].seed) ? `seed ${runs[i].seed}` : runs[i].name);
    });
    whole.addEventListener('change', settle);
    return el('div', { class: 'switch-row' }, el('label', { class: 'check' }, whole, group.runs.length === 1 ? swatch(g) : null, el('b', {}, group.name)), seeds);
  });
  return el('fieldset', { class: 'switches' }, el('legend', {}, 'Shown runs'), el('div', {}, rows));
}

function overlayChart(runs, comparison, view, title, key, look) {
  const rows = view.by === 'epoch' ? rowsByEpoch(runs, key) : rowsByTime(runs, key);
  const byTime = view.by === 'time';
  return chart({ title, note: byTime ? 'by time of training' : 'by epoch', xName: byTime ? 'time' : 'epoch', xText: byTime ? (x) => `after ${duration(x)}` : epochText, xAxis: byTime ? duration : null,
    xWhole: !byTime, dots: false, carry: byTime, fixedLegend: true, height: 260, rows, ...look,
    series: runs.map((run, i) => {
      const { group, seat } = placeOf(comparison, i);
      return { name: run.name, colour: runColour(group), dash: seat % DASHES.length };
    }) });
}

function rowsByEpoch(runs, key) {
  const length = Math.max(...runs.map((run) => (run.epochs[key] || []).length));
  return Array.from({ length }, (_, i) => [i + 1, ...runs.map((run) => (run.epochs[key] || [])[i] ?? null)]);
}

// Each run has its own times, so a row holds one run's value and the curves are joined over the others'.
function rowsByTime(runs, key) {
  const rows = [];
  runs.forEach((run, i) => {
    let time = 0;
    (run.epochs[key] || []).forEach((value, epoch) => {
      time += (run.epochs.seconds || [])[epoch] || 0;
      const row = new Array(runs.length + 1).fill(null);
      row[0] = time;
      row[i + 1] = value;
      rows.push(row);
    });
  });
  return rows.sort((a, b) => a[0] - b[0]);
}
