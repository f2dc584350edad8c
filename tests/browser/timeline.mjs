// A timeline in Perfetto's own page: no error of its import, and as many slices of each thread as the file has.
//   node timeline.mjs WEB_DIST TRACE   WEB_DIST is the folder of Perfetto's page; SHOTS, if set, names a folder for a picture
import { createServer } from 'node:http';
import { readFileSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { check, onPage } from './browser.mjs';

const [folder, trace] = process.argv.slice(2);
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.css': 'text/css', '.wasm': 'application/wasm' };

// The page asks for WebAssembly by its type, so that it cannot be opened as a file.
const server = createServer((request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname);
  const file = path === '/trace.json' ? trace : join(folder, path === '/' ? 'index.html' : path);
  if (request.method !== 'GET' || !statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end();
  response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(readFileSync(file));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${server.address().port}`;

// The rows of a query to the page's engine, each a list of words.
const ask = (page, query) => page.evaluate(async (sql) => {
  const result = await globalThis.app.trace.engine.query(sql), rows = [];
  for (const row = result.iter({}); row.valid(); row.next()) rows.push(result.columns().map((column) => String(row.get(column))));
  return rows;
}, query);

const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8'));
const named = (kind, key) => new Map(traceEvents.filter((e) => e.name === kind).map((e) => [key(e), e.args.name]));
const processes = named('process_name', (e) => e.pid), threads = named('thread_name', (e) => `${e.pid} ${e.tid}`);
const expected = new Map();
for (const e of traceEvents.filter(({ ph }) => ph === 'X')) {
  const line = `${processes.get(e.pid)}: ${threads.get(`${e.pid} ${e.tid}`)}`;
  expected.set(line, (expected.get(line) ?? 0) + 1);
}

await onPage(`${origin}/#!/?url=${origin}/trace.json`, { width: 1600, height: 1000 }, async (page) => {
  await page.waitForFunction(() => globalThis.app?.trace?.engine, null, { timeout: 60000 });
  const errors = await ask(page, "select name, value from stats where severity in ('error', 'data_loss') and value > 0");
  check(errors.length === 0, `errors of the import: ${errors.join('; ')}`);
  const lines = await ask(page, `select p.name || ': ' || t.name as line, count(*) as n from slice s
    join thread_track k on s.track_id = k.id join thread t using (utid) join process p using (upid) group by line`);
  check(lines.length === expected.size, `${lines.length} threads have slices, of ${expected.size}`);
  for (const [line, count] of lines) check(Number(count) === expected.get(line), `${line}: ${count} slices, of ${expected.get(line)}`);
  for (const name of processes.values()) await page.getByText(name).first().waitFor({ timeout: 60000 });
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/perfetto.png` });
});
