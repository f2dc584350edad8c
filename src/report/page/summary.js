// The run in figures: headline, model, configuration.

// A list of figures: [[name, value, note], ...]; those without a value are left out.
function facts(list) {
  return el('dl', { class: 'facts' }, list.filter(([, value]) => known(value) && value !== '').map(([name, value, note]) =>
    el('div', {}, el('dt', {}, name), el('dd', {}, value, note ? el('small', {}, note) : null))));
}

const STATUS = { finished: 'Finished', 'under way': 'Under way', stopped: 'Stopped' };

function showResult(section, run) {
  const { headline } = run;
  const data = headline.data || {};
  const wrong = headline.val_count - headline.val_correct;
  append(section, [
    el('p', { class: 'eyebrow' }, el('span', { class: 'status', 'data-status': run.status }, STATUS[run.status] || run.status), ' ',
      [run.config_name !== run.name ? run.config_name : null, known(run.seed) ? `seed ${run.seed}` : null, moment(headline.date)].filter(Boolean).join(' · ')),
    el('h1', { id: 'result-title' }, run.name),
    el('div', { class: 'headline' },
      el('p', { class: 'big' }, el('span', { class: 'big-figure' }, percent(headline.val_accuracy)),
        headline.val_count
          ? el('span', { class: 'big-words' }, `of the held-out digits read right: ${count(headline.val_correct)} of ${count(headline.val_count)}, `,
            el('a', { href: '#errors' }, plural(wrong, 'error')))
          : el('span', { class: 'big-words' }, known(headline.val_accuracy) ? 'of the held-out digits read right.' : 'No digits were held out, or none have been judged yet.')),
      facts([
        ['Validation loss', figure(headline.val_loss, 3)],
        ['Best epoch', count(headline.best_epoch), `${count(headline.epochs)} of ${count(headline.epochs_planned)} trained`],
        ['Time', duration(headline.seconds), known(headline.steps) ? `${count(headline.steps)} steps` : null],
        ['Speed', count(headline.images_per_second), 'images a second'],
        ['Processes', known(headline.ranks) ? plural(headline.ranks, 'rank') : null, known(headline.threads) ? `${plural(headline.threads, 'thread')} each, ${count(headline.shards)} shards` : null],
        ['Data', known(data.train_rows) ? count(data.train_rows) : null, `digits to learn from, ${count(data.validation_rows)} held out`],
      ])),
    (run.missing || []).map((sentence) => el('p', { class: 'note' }, sentence)),
    el('dl', { class: 'lines' }, [
      ['Machine', headline.machine], ['Kernels', headline.kernels], ['Data', data.path, data.fingerprint ? `fingerprint ${data.fingerprint}` : null],
      ['Program', headline.program], ['State digest', headline.digest], ['Folder', run.directory],
    ].filter(([, value]) => value).map(([name, value, note]) => el('div', {}, el('dt', {}, name), el('dd', {}, value, note ? el('small', {}, note) : null)))),
  ]);
}

function showModel(section, run) {
  const { model } = run;
  if (!model || !model.layers || !model.layers.length) {
    section.append(absent('The run left no description of its model.'));
    return;
  }
  const kernels = model.layers.some((layer) => layer.kernel);
  append(section, [
    el('p', { class: 'lead' }, `${count(model.parameters)} parameters in ${plural(model.layers.length, 'layer')}.`),
    table({ caption: 'Layers of the model, from the image to the ten probabilities', hideCaption: true, class: 'model',
      head: ['Layer', 'Output', 'Parameters', ...(kernels ? ['Kernel'] : []), 'Class'],
      rows: model.layers.map((layer) => [layer.name, el('span', { class: 'whole' }, layer.output),
        el('span', { class: 'share', style: layer.parameters ? `--share: ${layer.parameters / model.parameters}` : null }, count(layer.parameters)),
        ...(kernels ? [layer.kernel || ''] : []), layer.class]),
      numbers: [2] }),
  ]);
}

function showConfig(section, run) {
  const config = run.config || [];
  if (!config.length) {
    section.append(absent('The run left no configuration.'));
    return;
  }
  const differing = config.filter((row) => row.differs);
  const rows = (list) => list.map((row) => [keyName(row.key), el('span', { class: row.differs ? 'differs' : null }, row.value),
    row.differs ? row.default : el('span', { class: 'muted' }, row.default)]);
  const head = ['Key', 'Value', 'Default'];
  append(section, [
    differing.length
      ? table({ caption: `${plural(differing.length, 'key differs', 'keys differ')} from the defaults`, head, rows: rows(differing), class: 'config' })
      : el('p', { class: 'lead' }, 'All keys are at their defaults.'),
    el('details', {}, el('summary', {}, `All ${config.length} keys`),
      table({ caption: 'The whole configuration, as it took effect', hideCaption: true, head, rows: rows(config), class: 'config' })),
  ]);
}
