// Puts the page together: which sections it has, their contents, the contents list.

const RUN_SECTIONS = { result: showResult, curves: showCurves, confusion: showConfusion, errors: showErrors, unsure: showUnsure, classes: showClasses,
  sees: showSees, model: showModel, config: showConfig };
const COMPARISON_SECTIONS = { overview: showOverview, figures: showFigures, overlay: showOverlay, tests: showTests, differing: showDiffering, runs: showRuns };

function startPage() {
  const data = JSON.parse(byId('data').textContent);
  const several = data.runs.length > 1;
  for (const section of document.querySelectorAll('section[data-page]')) {
    if ((section.dataset.page === 'comparison') !== several) section.remove();
  }
  startTheme();
  byId('brand').textContent = several ? plural(data.runs.length, 'run') : data.runs[0].name;
  if (several) fillSections(COMPARISON_SECTIONS, data);
  else {
    if (hasImages(data.runs[0])) useSheet(byId('main'), data.runs[0].sprite);
    fillSections(RUN_SECTIONS, data.runs[0]);
    startTry(data.network, data.runs[0]);
  }
  byId('made').textContent = `Made by ${data.program}, ${moment(data.made)}. One file; it asks nothing of a network.`;
  startContents();
  startPrinting();
}

// A section that fails says so and leaves the others alone.
function fillSections(sections, data) {
  for (const [id, show] of Object.entries(sections)) {
    try {
      show(byId(id), data);
    } catch (error) {
      console.error(`section ${id}:`, error);
      byId(id).append(absent(`This part could not be drawn: ${error.message}`));
    }
  }
}

// The drawing box is try.js's, which is handed an element and the network; here is only what to say where it cannot be.
function startTry(network, run) {
  const box = byId('try-box');
  const wasm = byId('wasm').textContent.trim();
  const why = !network || !network.weights ? 'The network is not in this page: its weights could not be read when the page was made.'
    : !wasm ? 'The program that made this page was built without WebAssembly: install clang, lld, wasi-libc and libclang-rt-dev-wasm32 (their names in Debian), build it again, and make the page again with mnist_dist report.'
      : typeof WebAssembly !== 'object' ? 'This browser has no WebAssembly, in which the network would run.' : null;
  if (why) {
    box.append(absent(why));
    return;
  }
  Promise.resolve().then(() => tryDigit(box, network, run)).catch((error) => {
    console.error('try it:', error);
    box.append(absent(`The network does not run in this browser: ${error.message}`));
  });
}

function startContents() {
  const list = document.querySelector('#contents ul');
  const links = new Map();
  for (const section of document.querySelectorAll('main > section')) {
    const link = el('a', { href: `#${section.id}` }, section.dataset.name);
    links.set(section, link);
    list.append(el('li', {}, link));
  }
  const button = byId('contents-button');
  const open = (yes) => {
    button.setAttribute('aria-expanded', String(yes));
    byId('contents').classList.toggle('open', yes);
  };
  button.addEventListener('click', () => open(button.getAttribute('aria-expanded') !== 'true'));
  list.addEventListener('click', () => open(false));
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape') open(false); });
  const mark = () => {
    const reached = [...links.keys()].filter((section) => section.getBoundingClientRect().top < window.innerHeight * 0.3);
    const current = window.innerHeight + window.scrollY >= document.body.scrollHeight - 4 ? [...links.keys()].at(-1) : reached.at(-1) || [...links.keys()][0];
    for (const [section, link] of links) {
      if (section === current) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  };
  let waiting = false;
  window.addEventListener('scroll', () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  }, { passive: true });
  mark();
}
