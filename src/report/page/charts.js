// A chart: dygraphs for the drawing and the zoom; around it a legend that shows the values under the pointer and can hide
// a curve, buttons for those without a wheel or a mouse, keys, fingers, and the same numbers as a table.
// dygraphs' own legend is not used: it writes markup, and cannot be reached by keyboard.

const DASHES = [null, [7, 4], [2, 3], [9, 3, 2, 3], [12, 4], [4, 2]];

// chart(options) gives { element, graph, start(), stop(), show(i, visible), setRows(rows) }; start() it when the element is in the page.
//   title, note     words above the chart
//   xName           'epoch' or 'step'; xText(x) is its reading, xWhole: only whole numbers are labelled
//   series          [{ name, colour (a CSS variable's name), dash (into DASHES), width, points: always dots, bare: never, radius(x) of a dot }]
//   rows            [[x, y of each series or null]], ascending
//   text(y)         a value as text;  axis(y) the same on the axis
//   marks           [{ x, label }]: vertical lines
//   carry           a curve keeps its last value where a row has none (for the legend)
//   home            the row that is shown when none is pointed at (the last);  dots: false for none
//   stacked, zero (is on the axis), log (the chart offers a logarithmic scale), height; fixedLegend: the legend hides nothing
function chart(options) {
  const self = { options, rows: options.rows, marks: options.marks || [], visible: options.series.map(() => true), at: null, graph: null };
  self.plot = el('div', { class: 'plot', tabindex: 0, role: 'application',
    'aria-label': `${options.title}: chart. Arrow keys read values, plus and minus zoom, zero shows all.` });
  self.spoken = el('span', { class: 'hidden', 'aria-live': 'polite' });
  self.xReading = el('span', { class: 'reading-x' });
  self.entries = options.series.map((series, i) => legendEntry(self, series, i));
  self.reset = tool('Whole curve', null, () => zoomOut(self));
  self.reset.classList.add('reset');
  self.reset.hidden = true;
  const log = options.log ? el('label', { class: 'check' }, el('input', { type: 'checkbox', onchange: (e) => setLog(self, e.target.checked) }), 'log') : null;
  self.element = el('figure', { class: 'chart' },
    el('figcaption', {}, el('div', { class: 'chart-head' },
      el('h3', {}, options.title, options.note ? el('small', {}, options.note) : null),
      el('div', { class: 'tools' }, log, self.reset,
        tool('−', `Zoom out of ${options.title}`, () => zoomBy(self, 2)), tool('+', `Zoom into ${options.title}`, () => zoomBy(self, 0.5))))),
    el('div', { class: 'legend' }, self.xReading, self.entries.map((entry) => entry.element)),
    self.plot, self.spoken, numbers(self));
  self.repaint = () => repaint(self);
  self.start = () => startChart(self);
  self.stop = () => stopChart(self);
  self.show = (i, visible) => showSeries(self, i, visible);
  self.setRows = (rows) => setRows(self, rows);
  return self;
}

function tool(text, label, onclick) {
  return el('button', { type: 'button', 'aria-label': label, onclick }, text);
}

function legendEntry(self, series, i) {
  const value = el('span', { class: 'value' });
  const swatch = el('span', { class: 'swatch', 'aria-hidden': 'true', style: `--swatch: var(--${series.colour})`,
    'data-dash': series.dash || null });
  const element = self.options.fixedLegend || self.options.series.length === 1
    ? el('span', { class: 'entry' }, swatch, series.name, ' ', value)
    : el('button', { type: 'button', class: 'entry', 'aria-pressed': 'true', title: 'Show or hide', onclick: () => showSeries(self, i, !self.visible[i]) },
      swatch, series.name, ' ', value);
  return { element, value };
}

function startChart(self) {
  const { options } = self;
  const labels = options.series.map((series, i) => `y${i}`); // names may repeat, dygraphs' labels may not
  const looks = options.series.map((series) => ({ strokePattern: DASHES[(series.dash || 0) % DASHES.length], strokeWidth: series.width || 1.75,
    drawPoints: !series.bare && (Boolean(series.points) || (self.rows.length <= 40 && !options.stacked && options.dots !== false)), pointSize: 2.5,
    ...(series.radius ? { drawPointCallback: sizedDot(series.radius) } : {}) }));
  self.graph = new Dygraph(self.plot, self.rows, {
    labels: ['x', ...labels], series: Object.fromEntries(labels.map((label, i) => [label, looks[i]])), legend: 'never',
    connectSeparatedPoints: !options.stacked, stackedGraph: Boolean(options.stacked),
    height: options.height || 210, xRangePad: options.xPad || 6, includeZero: Boolean(options.zero), yRangePad: options.zero ? null : 8, gridLineWidth: 1, axisLineWidth: 1,
    highlightCircleSize: 4, fillAlpha: 0.75, interactionModel: fingers(self),
    axes: { x: { drawGrid: false, axisLabelFormatter: (x) => (options.xWhole && !Number.isInteger(x) ? '' : options.xAxis ? options.xAxis(x) : count(x)), pixelsPerLabel: 60 },
      y: { axisLabelWidth: 52, pixelsPerLabel: 34, axisLabelFormatter: (y) => options.axis(y) } },
    underlayCallback: (context, area, graph) => drawMarks(self, context, area, graph),
    highlightCallback: (event, x, points, row) => read(self, row), unhighlightCallback: () => read(self, null),
    drawCallback: () => { self.reset.hidden = !isZoomed(self); },
    ...chartColours(self),
  });
  self.plot.addEventListener('keydown', (event) => keys(self, event));
  self.plot.addEventListener('blur', () => { self.graph.clearSelection(); read(self, null); });
  onTheme(self.repaint);
  read(self, null);
}

function stopChart(self) {
  if (!self.graph) return;
  self.graph.destroy();
  offTheme(self.repaint);
}

function sizedDot(radius) {
  return (graph, name, context, px, py, shade, size, index) => {
    const x = graph.getValue(index, 0);
    context.fillStyle = shade;
    context.beginPath();
    context.arc(px, py, radius(x), 0, 2 * Math.PI);
    context.fill();
  };
}

function chartColours(self) {
  return { colors: self.options.series.map((series) => colour(series.colour)), gridLineColor: colour('grid'), axisLineColor: colour('rule') };
}

// Anew in the colours of now. For paper (which no event gives the width of) small and fine; and since Chromium prints what was
// drawn on a canvas stroke by stroke, and loses dygraphs' strokes, it is given pixels instead.
function repaint(self) {
  const printing = document.documentElement.classList.contains('printing');
  self.graph.updateOptions({ ...chartColours(self), pixelRatio: printing ? 3 : null });
  self.graph.resize(printing ? 325 : self.element.clientWidth, printing ? 180 : self.options.height || 210);
  self.plot.style.width = '';
  if (!printing) return;
  for (const canvas of self.plot.querySelectorAll('canvas')) {
    const context = canvas.getContext('2d');
    context.putImageData(context.getImageData(0, 0, canvas.width, canvas.height), 0, 0);
  }
}

function setRows(self, rows) {
  self.rows = rows;
  if (self.graph) self.graph.updateOptions({ file: rows, dateWindow: null });
  self.table.reset();
  read(self, null);
}

function showSeries(self, i, visible) {
  self.visible[i] = visible;
  if (self.entries[i].element.hasAttribute('aria-pressed')) self.entries[i].element.setAttribute('aria-pressed', String(visible));
  else self.entries[i].element.hidden = !visible;
  if (self.graph) self.graph.setVisibility(i, visible);
}

function setLog(self, on) {
  self.graph.updateOptions({ logscale: on });
}

// Vertical lines, for instance where the run was taken up again; their words stand where the first curve does not.
function drawMarks(self, context, area, graph) {
  context.save();
  context.fillStyle = colour('muted');
  context.font = '11px system-ui, sans-serif';
  for (const mark of self.marks) {
    const x = Math.round(graph.toDomXCoord(mark.x)) + 0.5;
    if (!(x >= area.x && x <= area.x + area.w)) continue;
    context.strokeStyle = colour('muted');
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x, area.y);
    context.lineTo(x, area.y + area.h);
    context.stroke();
    context.strokeStyle = colour('surface'); // a rim about the words, where they cross a line of the grid
    context.lineWidth = 4;
    context.setLineDash([]);
    context.textAlign = x > area.x + area.w - 70 ? 'right' : 'left';
    const near = self.rows[rowAt(self, mark.x)][1];
    const low = !self.options.stacked && known(near) && graph.toDomYCoord(near) < area.y + area.h / 2;
    const at = [x + (context.textAlign === 'left' ? 4 : -4), low ? area.y + area.h - 16 : area.y + 11];
    context.strokeText(mark.label, ...at);
    context.fillText(mark.label, ...at);
  }
  context.restore();
}

// The legend's values: of a row, or of the last one.
function read(self, row) {
  self.at = row;
  const { options, rows } = self;
  if (!rows.length) return;
  const values = rows[row === null ? options.home ?? rows.length - 1 : row];
  self.xReading.textContent = options.xText ? options.xText(values[0]) : `${options.xName} ${count(values[0])}`;
  options.series.forEach((series, i) => {
    const value = known(values[i + 1]) ? values[i + 1] : row === null || options.carry ? lastKnown(rows, i + 1, row) : null;
    self.entries[i].value.textContent = known(value) ? options.text(value) : ABSENT;
  });
}

function lastKnown(rows, column, from) {
  for (let i = from === null ? rows.length - 1 : from; i >= 0; i--) if (known(rows[i][column])) return rows[i][column];
  return null;
}
