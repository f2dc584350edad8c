// Precision, recall and F1 by digit, and whether the probabilities mean what they say.

function showClasses(section, run) {
  if (!run.classes || !run.calibration) {
    section.append(noPredictions(run));
    return;
  }
  const left = el('div', {}, el('h3', {}, 'By digit'), classTable(run.classes));
  const right = el('div', {});
  section.append(el('div', { class: 'two' }, left, right));
  const drawn = reliabilityChart(run.calibration);
  right.append(drawn.element, calibrationWords(run.calibration));
  drawn.start();
}

function classTable(classes) {
  const least = (key) => Math.min(...classes.map((row) => row[key]).filter(known));
  const lows = { precision: least('precision'), recall: least('recall'), f1: least('f1') };
  const cell = (row, key) => (known(row[key]) && row[key] === lows[key] && row[key] < 1 ? el('span', { class: 'lowest', title: 'the lowest' }, percent(row[key])) : percent(row[key]));
  return el('div', {},
    table({ caption: 'Precision, recall and F1 of each digit', hideCaption: true, class: 'by-digit', head: ['Digit', 'Images', 'Precision', 'Recall', 'F1'],
      rows: classes.map((row) => [row.label, count(row.count), cell(row, 'precision'), cell(row, 'recall'), cell(row, 'f1')]), numbers: [1, 2, 3, 4] }),
    el('p', { class: 'note' }, 'Precision: of the digits read as this one, the share that are. Recall: of the digits that are this one, the share read so. F1: their harmonic mean. The lowest of a column is marked.'));
}

function calibrationWords(calibration) {
  return el('p', { class: 'note' }, 'Expected calibration error ', el('b', {}, percent(calibration.error)),
    ': how far, on average over the images, the largest probability lies from the share that is right among those with a like probability. On the dashed line the two are equal; a dot is the larger the more images it stands for.');
}

function reliabilityChart(calibration) {
  const bins = calibration.bins.filter((bin) => bin.count > 0 && known(bin.confidence) && known(bin.accuracy));
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  const counts = new Map(bins.map((bin) => [bin.confidence, bin.count]));
  const rows = [[0, null, 0], ...bins.map((bin) => [bin.confidence, bin.accuracy, bin.confidence]), [1, null, 1]].sort((a, b) => a[0] - b[0]);
  return chart({ title: 'Reliability', note: 'share right, by largest probability', xName: 'largest probability', rows, height: 280, xPad: 14,
    home: rows.findIndex((row) => counts.get(row[0]) === most),
    zero: true, xAxis: (x) => `${figure(100 * x, 4)}\u202f%`, fixedLegend: true,
    xText: (x) => `${percent(x, 1)} sure${counts.has(x) ? `, ${plural(counts.get(x), 'image')}` : ''}`, text: (y) => percent(y, 1), axis: (y) => `${Math.round(100 * y)}\u202f%`,
    series: [{ name: 'right', colour: 'accent', points: true, radius: (x) => 3 + 6 * Math.sqrt((counts.get(x) || 0) / most) },
      { name: 'calibrated', colour: 'muted', dash: 1, bare: true }] });
}
