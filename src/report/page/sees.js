// What goes in and what the first layer looks for: its filters, and training images as they were fed.

function showSees(section, run) {
  append(section, [filterFigure(run.filters), augmentedFigure(run.augmented)]);
}

// Filters share one scale, so that a strong one looks strong. The colours diverge about zero.
function filterFigure(filters) {
  if (!filters || !filters.values || !filters.values.length) return absent('The first layer is no convolution, so it has no filters to show.');
  const most = Math.max(...filters.values.flat().map(Math.abs)) || 1;
  const canvases = filters.values.map((values, i) => el('canvas', { width: filters.columns, height: filters.rows, role: 'img', 'aria-label': `Filter ${i + 1}` }));
  const paint = () => canvases.forEach((canvas, i) => paintFilter(canvas, filters, filters.values[i], most));
  paint();
  onTheme(paint);
  return el('figure', { class: 'sheet' },
    el('figcaption', {}, el('h3', {}, 'First layer', el('small', {}, `${plural(filters.values.length, 'filter')} of ${filters.rows} × ${filters.columns}${filters.channels > 1 ? ', first channel' : ''}`)),
      el('p', { class: 'scale' }, el('span', {}, `−${figure(most, 2)}`), el('span', { class: 'ramp', 'aria-hidden': 'true' }), el('span', {}, `+${figure(most, 2)}`))),
    el('div', { class: 'filters' }, canvases));
}

function paintFilter(canvas, filters, values, most) {
  const context = canvas.getContext('2d');
  const [low, middle, high] = ['diverging-low', 'diverging-middle', 'diverging-high'].map((name) => rgb(colour(name)));
  const image = context.createImageData(filters.columns, filters.rows);
  for (let i = 0; i < filters.columns * filters.rows; i++) {
    const value = values[i * (filters.channels || 1)] / most;
    const end = value < 0 ? low : high;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = middle[c] + (end[c] - middle[c]) * Math.abs(value);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// '#rrggbb' as three numbers.
function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

function augmentedFigure(sheet) {
  if (!sheet || !sheet.labels || !sheet.labels.length) return absent('The run has left no sheet of its training images (predictions.h5).');
  const list = el('ul', { class: 'thumbs small', 'aria-label': 'Augmented training images' }, sheet.labels.map((label, i) =>
    el('li', {}, digit(sheet, i, `Augmented ${label}`), el('span', { 'aria-hidden': 'true' }, label))));
  const element = el('figure', { class: 'sheet' },
    el('figcaption', {}, el('h3', {}, 'Training images', el('small', {}, `${plural(sheet.labels.length, 'image')} as they were fed, after augmentation, with their labels`))), list);
  useSheet(element, sheet);
  return element;
}
