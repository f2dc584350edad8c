// Several runs side by side: figures by configuration, what differs, and whether a difference is more than chance.

const runColour = (group) => `c${(group % 8) + 1}`;

// Each run's group and its place within it, which are its colour and its dash.
function placeOf(comparison, index) {
  const group = comparison.groups.findIndex((candidate) => candidate.runs.includes(index));
  return { group: Math.max(0, group), seat: group < 0 ? 0 : comparison.groups[group].runs.indexOf(index) };
}

function swatch(group, seat = 0) {
  return el('span', { class: 'swatch', 'aria-hidden': 'true', style: `--swatch: var(--${runColour(group)})`, 'data-dash': seat % DASHES.length || null });
}

// Mean ± deviation; of one run, its figure alone.
function spread(statistic, show) {
  if (!statistic || !known(statistic.mean)) return ABSENT;
  return [show(statistic.mean), known(statistic.deviation) ? el('small', {}, ` ± ${show(statistic.deviation)}`) : null];
}

// Whether accuracies can be held against each other: parts of a kind were held out of the same data. (Seeds differ by a few digits.)
function judgedAlike(runs, comparison) {
  const data = new Set(runs.map((run) => run.headline.data.fingerprint));
  return data.size <= 1 && !(comparison.differing || []).some(({ key }) => key === 'data.limit' || key === 'data.folds');
}

function showOverview(section, { runs, comparison }) {
  const best = [...comparison.groups].sort((a, b) => (b.val_accuracy.mean ?? -1) - (a.val_accuracy.mean ?? -1))[0];
  const top = runs.reduce((a, b) => ((b.headline.val_accuracy ?? -1) > (a.headline.val_accuracy ?? -1) ? b : a));
  append(section, [
    el('p', { class: 'eyebrow' }, 'Comparison'),
    el('h1', { id: 'overview-title' }, comparison.groups.length > 1 ? `${plural(comparison.groups.length, 'configuration')}, ${plural(runs.length, 'run')}` : `${best.name}: ${plural(runs.length, 'run')}`),
    el('div', { class: 'headline' },
      el('p', { class: 'big' }, el('span', { class: 'big-figure' }, percent(best.val_accuracy.mean)),
        el('span', { class: 'big-words' }, comparison.groups.length > 1 ? 'is the highest mean validation accuracy: ' : 'is the mean validation accuracy of ',
          el('b', {}, best.name), `, ${plural(best.runs.length, 'run')}`)),
      facts([
        ['Best run', top.name, `${percent(top.headline.val_accuracy)}, loss ${figure(top.headline.val_loss, 3)}`],
        ['All of them', duration(runs.reduce((sum, run) => sum + (run.headline.seconds || 0), 0)), 'of training'],
        ['Held-out digits', known(top.headline.val_count) ? count(top.headline.val_count) : null],
      ])),
    judgedAlike(runs, comparison) ? null : el('p', { class: 'note' }, 'These runs held out different digits, of other data or another number: their accuracies are not like for like.'),
  ]);
}

function showFigures(section, { comparison }) {
  const loss = (y) => fixed(y, 4);
  const ranked = comparison.groups.map((group, i) => ({ group, i })).sort((a, b) => (b.group.val_accuracy.mean ?? -1) - (a.group.val_accuracy.mean ?? -1));
  section.append(table({ caption: 'Final figures by configuration, the most accurate first', hideCaption: true, class: 'final',
    head: ['Configuration', 'Runs', 'Validation accuracy', 'least to most', 'Validation loss', 'Best epoch', 'Time', 'Images/s'],
    rows: ranked.map(({ group, i }) => [[swatch(i), group.name], group.runs.length, spread(group.val_accuracy, (y) => percent(y)),
      `${percent(group.val_accuracy.least)} to ${percent(group.val_accuracy.most)}`, spread(group.val_loss, loss), spread(group.best_epoch, (y) => fixed(y, 1)),
      spread(group.seconds, duration), spread(group.images_per_second, count)]),
    numbers: [1, 2, 3, 4, 5, 6, 7] }));
}

function showDiffering(section, { runs, comparison }) {
  const differing = (comparison.differing || []);
  if (!differing.length) {
    section.append(absent('Nothing: all keys of all runs are equal.'));
    return;
  }
  const columns = foldColumns(comparison);
  append(section, [
    el('p', { class: 'lead' }, 'All other keys are equal in all runs.'),
    table({ caption: 'Keys of the configuration that differ', hideCaption: true, class: 'config', head: ['Key', ...columns.map((column) => column.name)],
      rows: differing.map((row) => [keyName(row.key), ...columns.map((column) => [...new Set(column.runs.map((run) => row.values[run]))].join(', '))]) }),
  ]);
}

// A column per configuration: its seeds' values stand side by side in one cell.
function foldColumns(comparison) {
  return comparison.groups.map((group) => ({ name: group.name, runs: group.runs }));
}

function showRuns(section, { runs, comparison }) {
  section.append(table({ caption: 'All runs', hideCaption: true, head: ['Run', 'Seed', 'Validation accuracy', 'Validation loss', 'Best epoch', 'Epochs', 'Time', 'Images/s', 'Ranks'],
    rows: runs.map((run, i) => {
      const { headline } = run;
      const { group, seat } = placeOf(comparison, i);
      return [[swatch(group, seat), run.name, run.status === 'finished' ? null : el('small', {}, ` ${run.status}`)], known(run.seed) ? run.seed : ABSENT, percent(headline.val_accuracy), fixed(headline.val_loss, 4), count(headline.best_epoch),
        `${count(headline.epochs)}`, duration(headline.seconds), count(headline.images_per_second), count(headline.ranks)];
    }), numbers: [1, 2, 3, 4, 5, 6, 7, 8] }));
}

const chance = (p) => (p < 0.0001 ? '< 0.0001' : p < 0.001 ? p.toFixed(4) : p.toFixed(3));

// What a test says, in words. Five per cent is the field's habit, not a law; p stands beside it.
function verdict(pair, a, b) {
  const differ = pair.only_a + pair.only_b;
  if (differ === 0) return 'They are right and wrong on the same digits.';
  const split = `They differ on ${plural(differ, 'digit')}`;
  if (pair.p >= 0.05) return `${split}, ${count(pair.only_a)} to ${count(pair.only_b)}: no more than chance would do.`;
  const winner = pair.only_a > pair.only_b ? a : b;
  return [`${split}, ${count(pair.only_a)} to ${count(pair.only_b)}: `, el('b', {}, winner), ' is better, and chance alone would hardly do that.'];
}

function testTable(caption, pairs, name) {
  return table({ caption, class: 'mcnemar', head: ['A', 'B', 'In words', 'p', 'Only A', 'Only B', 'Both right', 'Neither', 'Digits'],
    rows: pairs.map((pair) => [name(pair.a), name(pair.b), verdict(pair, name(pair.a), name(pair.b)), el('span', { class: pair.p < 0.05 ? 'differs' : null }, chance(pair.p)),
      count(pair.only_a), count(pair.only_b), count(pair.both), count(pair.neither), count(pair.images)]),
    numbers: [3, 4, 5, 6, 7, 8] });
}

function showTests(section, { runs, comparison }) {
  const groups = comparison.group_pairs || [];
  const pairs = comparison.pairs || [];
  if (!groups.length && !pairs.length) {
    section.append(absent('No two runs held out the same digits, or they left no predictions (predictions.h5); without that, networks cannot be compared image by image.'));
    return;
  }
  const tests = groups.length || pairs.length;
  append(section, [
    groups.length ? testTable('Configurations, over the seeds that both have, each held-out digit once', groups, (i) => comparison.groups[i].name) : null,
    tests > 1 ? el('p', { class: 'note' }, `With ${tests} comparisons, at least one would fall below 0.05 by chance alone in about ${Math.round(100 * (1 - 0.95 ** tests))} of 100 cases: trust a small p more than a single one just below 0.05.`) : null,
    groups.length && pairs.length ? el('details', {}, el('summary', {}, `Run by run (${pairs.length})`), testTable('Pairs of runs on the same held-out digits', pairs, (i) => runs[i].name)) : null,
    !groups.length ? testTable('Pairs of runs on the same held-out digits', pairs, (i) => runs[i].name) : null,
  ]);
}
