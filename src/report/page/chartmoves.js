// Moving about in a chart: keys, buttons and fingers; and the chart's numbers as a table.

function isZoomed(self) {
  if (!self.graph) return false;
  return self.graph.isZoomed();
}

function zoomOut(self) {
  self.graph.resetZoom();
  self.plot.focus();
}

// Makes the window wider or narrower by a factor, about the value that is being read, else about its middle.
function zoomBy(self, factor) {
  const [left, right] = self.graph.xAxisRange();
  const inside = self.at !== null && self.rows[self.at][0] >= left && self.rows[self.at][0] <= right;
  const centre = inside ? self.rows[self.at][0] : (left + right) / 2;
  setWindow(self, centre + (left - centre) * factor, centre + (right - centre) * factor);
}

// Shows [left, right], kept within the data; all of it is the unzoomed state.
function setWindow(self, left, right) {
  const [first, last] = self.graph.xAxisExtremes();
  if (right - left >= last - first) {
    self.graph.resetZoom();
    return;
  }
  const shift = Math.max(0, first - left) - Math.max(0, right - last);
  self.graph.updateOptions({ dateWindow: [left + shift, right + shift] });
}

function pan(self, share) {
  if (!isZoomed(self)) return;
  const [left, right] = self.graph.xAxisRange();
  setWindow(self, left + share * (right - left), right + share * (right - left));
}

function keys(self, event) {
  const last = self.rows.length - 1;
  const now = self.at;
  const visible = self.graph.xAxisRange();
  const stride = event.ctrlKey || event.metaKey ? 10 : Math.max(1, Math.round(self.rows.length / 400));
  const moves = {
    ArrowLeft: () => (event.shiftKey ? pan(self, -0.25) : select(self, now === null ? rowAt(self, visible[1]) : now - stride)),
    ArrowRight: () => (event.shiftKey ? pan(self, 0.25) : select(self, now === null ? rowAt(self, visible[0]) : now + stride)),
    Home: () => select(self, 0), End: () => select(self, last),
    '+': () => zoomBy(self, 0.5), '=': () => zoomBy(self, 0.5), '-': () => zoomBy(self, 2),
    0: () => zoomOut(self), Escape: () => zoomOut(self),
  };
  if (!moves[event.key] || event.altKey) return;
  event.preventDefault();
  moves[event.key]();
}

// Reads the row: marks it, shows it in the legend, and says it. A window that does not hold it follows.
function select(self, row) {
  const to = Math.max(0, Math.min(self.rows.length - 1, row));
  const [left, right] = self.graph.xAxisRange();
  const x = self.rows[to][0];
  if (isZoomed(self) && (x < left || x > right)) setWindow(self, x - (right - left) / 2, x + (right - left) / 2);
  self.graph.setSelection(to);
  read(self, to);
  self.spoken.textContent = [self.xReading.textContent, ...self.entries.filter((entry, i) => self.visible[i])
    .map((entry) => entry.element.textContent)].join(', ');
}

// The row whose x is nearest; rows ascend.
function rowAt(self, x) {
  let low = 0;
  let high = self.rows.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (self.rows[middle][0] < x) low = middle;
    else high = middle;
  }
  return Math.abs(self.rows[low][0] - x) <= Math.abs(self.rows[high][0] - x) ? low : high;
}

// The mouse as dygraphs has it. Of fingers, one reads values and leaves up and down to the page's own scrolling
// (touch-action in the style sheet); two zoom. As dygraphs has it, one finger pans, and a phone cannot scroll past a chart.
function fingers(self) {
  const model = Dygraph.defaultInteractionModel;
  const readTouch = (event, graph) => {
    const box = self.plot.getBoundingClientRect();
    const row = rowAt(self, graph.toDataXCoord(event.touches[0].clientX - box.left));
    graph.setSelection(row);
    read(self, row);
  };
  return {
    ...model,
    touchstart: (event, graph, context) => {
      if (event.touches.length > 1) model.touchstart(event, graph, context);
      else readTouch(event, graph);
    },
    touchmove: (event, graph, context) => {
      if (event.touches.length > 1) model.touchmove(event, graph, context);
      else readTouch(event, graph);
    },
    touchend: (event, graph, context) => {
      if (event.touches.length === 0) model.touchend(event, graph, context);
    },
  };
}

// The numbers of the chart as a table, made when it is opened; 200 rows at most, evenly chosen.
function numbers(self) {
  const { options } = self;
  const place = el('div', {});
  const details = el('details', { class: 'numbers', ontoggle: () => { if (details.open && !place.firstChild) fill(); } },
    el('summary', {}, 'Numbers', el('span', { class: 'hidden' }, ` of ${options.title}`)), place);
  const fill = () => {
    const stride = Math.ceil(self.rows.length / 200);
    const rows = self.rows.filter((row, i) => i % stride === 0 || i === self.rows.length - 1);
    const caption = `${options.title} by ${options.xName}${stride > 1 ? `, every ${stride}th` : ''}`;
    place.append(table({ caption, head: [options.xName, ...options.series.map((series) => series.name)],
      rows: rows.map(([x, ...values]) => [options.xAxis ? options.xAxis(x) : count(x), ...values.map((y) => (known(y) ? options.text(y) : ABSENT))]),
      numbers: [0, ...options.series.map((series, i) => i + 1)], class: 'dense' }));
  };
  self.table = { reset: () => { place.replaceChildren(); if (details.open) fill(); } };
  return details;
}
