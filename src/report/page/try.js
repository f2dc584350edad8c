// Try it: a box to draw a digit in, what the network sees of it, and what it makes of it, while one draws.
//
// Lines are kept as points, not as pixels: so one can be taken back, and the network is shown them with the pen that
// MNIST's writers had, whatever the size of the drawing. Size and place are made as MNIST's by the program's own lines
// (src/data/centre.c), which come with the network. Light ink on dark, as the network sees it; the style sheet turns
// that round where the page is light.

const BOARD = 640; // pixels of the box's canvas, however large it is shown
const BOARD_PEN = 0.065 * BOARD;
const INK_SIDE = 160; // of the drawing that the network is given: 8 pixels for each of MNIST's 20
const INK_PEN = 20;
const LEAST_EXTENT = 0.04; // of the box: what is smaller is a dot
const SPEAK_AFTER = 700; // ms without a change, before a screen reader is told
const SAMPLE_ERRORS = 3;

// The box around the pen's path: its middle and its longer side, in shares of the board.
function pathBox(strokes) {
  const box = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (const { x, y } of strokes.flat()) {
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  }
  return { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2, extent: Math.max(box.right - box.left, box.bottom - box.top, LEAST_EXTENT) };
}

// Draws with a round pen; place maps a point of the box to the canvas.
function paintStrokes(context, strokes, pen, place) {
  context.lineWidth = pen;
  context.lineCap = context.lineJoin = 'round';
  context.strokeStyle = '#fff';
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...place(stroke[0]));
    for (const point of stroke) context.lineTo(...place(point));
    context.stroke();
  }
}

function blackCanvas(side) {
  const canvas = el('canvas', { width: side, height: side });
  const context = canvas.getContext('2d', { willReadFrequently: side < BOARD });
  context.clear = () => {
    context.fillStyle = '#000';
    context.fillRect(0, 0, side, side);
  };
  context.clear();
  return context;
}

// The red of each pixel in 0..1: ink, since all is grey.
function inkOf(context, side) {
  const { data } = context.getImageData(0, 0, side, side);
  return Float32Array.from({ length: side * side }, (_, i) => data[4 * i] / 255);
}

function paintPixels(context, pixels) {
  const image = context.createImageData(DIGIT_SIDE, DIGIT_SIDE);
  for (let i = 0; i < DIGIT_SIDE * DIGIT_SIDE; i++) {
    image.data.fill(Math.round(255 * pixels[i]), 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// The lines of a drawing, from the pointer. changed() is called after each change.
function drawingBoard(changed) {
  const context = blackCanvas(BOARD);
  const { canvas } = context;
  canvas.className = 'board';
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', 'Box to draw a digit in, with mouse, finger or pen');
  const board = { canvas, strokes: [], sample: null };
  let pointer = null;

  const add = (event) => {
    const frame = canvas.getBoundingClientRect();
    board.strokes.at(-1).push({ x: (event.clientX - frame.left) / frame.width, y: (event.clientY - frame.top) / frame.height });
  };
  const repaint = () => {
    context.clear();
    context.imageSmoothingEnabled = false;
    if (board.sample) context.drawImage(board.sample, 0, 0, BOARD, BOARD);
    paintStrokes(context, board.strokes, BOARD_PEN, (p) => [p.x * BOARD, p.y * BOARD]);
    changed();
  };
  const end = (event) => {
    if (event.pointerId === pointer) pointer = null;
  };
  canvas.addEventListener('pointerdown', (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    board.sample = null;
    board.strokes.push([]);
    add(event);
    repaint();
    event.preventDefault();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (event.pointerId !== pointer) return;
    const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of passed.length ? passed : [event]) add(each);
    repaint();
  });
  canvas.addEventListener('pointerup', end);
  canvas.addEventListener('pointercancel', end);
  canvas.addEventListener('lostpointercapture', end);

  board.empty = () => board.strokes.length === 0 && !board.sample;
  board.undo = () => {
    if (!board.sample) board.strokes.pop();
    board.sample = null;
    pointer = null;
    repaint();
  };
  board.clear = () => {
    board.strokes = [];
    board.undo();
  };
  board.show = (sample) => {
    board.strokes = [];
    board.sample = sample;
    repaint();
  };
  return board;
}

// What the board has on it as the network's 28 x 28 numbers; null if nothing. `ink` is a canvas of INK_SIDE to draw on.
function pixelsOf(board, network, ink) {
  if (board.empty()) return null;
  if (board.sample) return inkOf(board.sample.getContext('2d'), DIGIT_SIDE);
  const path = pathBox(board.strokes);
  const scale = (INK_SIDE - INK_PEN) / path.extent;
  ink.clear();
  paintStrokes(ink, board.strokes, INK_PEN, (p) => [(p.x - path.x) * scale + INK_SIDE / 2, (p.y - path.y) * scale + INK_SIDE / 2]);
  return network.centre(inkOf(ink, INK_SIDE), INK_SIDE, INK_SIDE);
}

// Ten bars; show(probabilities, or null for none).
function chancesList() {
  const rows = Array.from({ length: DIGIT_CLASSES }, (_, digitName) => {
    const value = el('span', { class: 'value' }, ABSENT);
    const row = el('li', {}, el('span', { class: 'name' }, digitName), el('span', { class: 'track', 'aria-hidden': 'true' }, el('span', { class: 'fill' })), value);
    return { row, value };
  });
  const element = el('ol', { class: 'chances', 'aria-label': 'Probabilities of the ten digits' }, rows.map(({ row }) => row));
  const show = (chances) => rows.forEach(({ row, value }, i) => {
    row.style.setProperty('--share', chances ? chances[i] : 0);
    row.classList.toggle('best', chances !== null && chances[i] === Math.max(...chances));
    value.textContent = chances ? percent(chances[i], 1) : ABSENT;
  });
  return { element, show };
}

function inWords(chances) {
  if (!chances) return 'The box is empty.';
  const order = [...chances.keys()].sort((a, b) => chances[b] - chances[a]);
  const [first, second] = order.map((i) => `${i}, ${percent(chances[i], 1)}`);
  return `Looks like ${first}. Next ${second}.`;
}

// One held-out image of each digit that was read right, and the surest errors.
function samplesOf(run) {
  const right = run.cells.map((row, i) => row[i][0]).filter(known);
  return [...right, ...run.errors.slice(0, SAMPLE_ERRORS)].map((index) => run.images[index]);
}

const nameOf = (image) => `row ${image.row}, labelled ${image.label}`;

// A held-out image as a canvas of its own, that bears its name.
async function cutOut(sheet, image) {
  const picture = new Image();
  picture.src = sheet.png;
  await picture.decode();
  const context = blackCanvas(DIGIT_SIDE);
  const [column, row] = [image.sprite % sheet.columns, Math.floor(image.sprite / sheet.columns)];
  context.drawImage(picture, -column * DIGIT_SIDE, -row * DIGIT_SIDE);
  context.canvas.title = nameOf(image);
  return context.canvas;
}

function sampleButton(run, image, show) {
  const wrong = image.prediction !== image.label;
  return el('button', { type: 'button', class: wrong ? 'sample wrong' : 'sample', title: nameOf(image),
    onclick: async () => show(await cutOut(run.sprite, image)) },
  digit(run.sprite, image.sprite, wrong ? `A ${image.label} that was read as ${image.prediction}` : `A ${image.label}`));
}

function samplesList(run, show) {
  if (!run || !hasImages(run)) return null;
  return el('div', { class: 'samples' },
    el('p', { id: 'samples-name' }, run.errors.length ? 'Or take one that was held out; the last were read wrong.' : 'Or take one that was held out.'),
    el('ul', { 'aria-labelledby': 'samples-name' }, samplesOf(run).map((image) => el('li', {}, sampleButton(run, image, show)))));
}

// Fills the element; network is { layers, weights (base64) }, run the page's run, for samples, or nothing. Throws if the network
// cannot run here.
async function tryDigit(element, network, run) {
  const weights = bytesOfBase64(network.weights);
  const opened = await openDigitNetwork(bytesOfBase64(byId('wasm').textContent), network.layers, weights);
  const ink = blackCanvas(INK_SIDE);
  const seen = blackCanvas(DIGIT_SIDE);
  seen.canvas.className = 'seen';
  seen.canvas.setAttribute('role', 'img');
  seen.canvas.setAttribute('aria-label', 'What the network sees: the digit at 28 by 28 pixels');
  const chances = chancesList();
  const said = el('p', { class: 'answer', 'aria-hidden': 'true' });
  const spoken = el('p', { class: 'hidden', role: 'status' });
  const caption = el('figcaption');
  const hint = el('p', { class: 'hint', 'aria-hidden': 'true' }, 'Draw a digit here');
  let waiting = 0;
  let speaking = 0;

  const answer = () => {
    waiting = 0;
    const pixels = pixelsOf(board, opened, ink);
    const values = pixels && opened.predict(pixels);
    if (pixels) paintPixels(seen, pixels);
    else seen.clear();
    chances.show(values);
    said.textContent = values ? values.indexOf(Math.max(...values)) : '';
    caption.textContent = board.sample ? board.sample.title : 'as the network sees it';
    hint.hidden = !board.empty();
    for (const button of [undo, clear]) button.setAttribute('aria-disabled', board.empty()); // and not disabled, which would lose the focus
    clearTimeout(speaking);
    speaking = setTimeout(() => { spoken.textContent = inWords(values); }, SPEAK_AFTER);
  };
  const board = drawingBoard(() => { waiting ||= requestAnimationFrame(answer); });
  const undo = el('button', { type: 'button', class: 'plain', onclick: board.undo }, 'Undo');
  const clear = el('button', { type: 'button', class: 'plain', onclick: board.clear }, 'Clear');
  const box = el('div', { class: 'try' },
    el('div', { class: 'pad' }, el('div', { class: 'frame' }, board.canvas, hint), el('div', { class: 'pad-tools' }, undo, clear)),
    el('figure', { class: 'sight' }, seen.canvas, caption, said),
    chances.element, spoken, samplesList(run, board.show));
  box.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === 'z' && !board.empty()) board.undo();
  });
  element.replaceChildren(box);
  answer();
  clearTimeout(speaking); // an empty box need not be announced
}
