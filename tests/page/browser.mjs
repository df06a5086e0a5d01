// Chromium with one page, for the programs of tests/page: reads {"name", "argument"} from standard input, one a line, and answers
// each with a line of JSON: {"result"} or {"error"}. The names are those of the functions below.
import {once} from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import {createRequire} from 'node:module';

const libraries = process.env.PAGE_LIBRARIES;
const require = createRequire(path.join(libraries, 'package.json'));
const {chromium} = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const views = {
  light: {viewport: {width: 1280, height: 800}, colorScheme: 'light'},
  dark: {viewport: {width: 1280, height: 800}, colorScheme: 'dark'},
  phone: {viewport: {width: 390, height: 844}, colorScheme: 'light', hasTouch: true, isMobile: true},
};
const browser = await chromium.launch({executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']});
let page = null;
let heard = null;

const live = () => page.waitForSelector('body[data-state="live"] #states > *');

/** The modules of the page as node takes them; the page itself has them in one script. */
const modules = fs.mkdtempSync(path.join(os.tmpdir(), 'roktcached-page-'));
const sources = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../../server/admin/page');
for (const name of fs.readdirSync(sources).filter((one) => one.endsWith('.js'))) fs.copyFileSync(path.join(sources, name), path.join(modules, name));
fs.writeFileSync(path.join(modules, 'package.json'), '{"type": "module"}');

/** Milliseconds from the request to the last byte, to the end of reading, of loading, to the first paint with content, and to the figures. */
async function timing() {
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
  return page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation');
    const at = (name) => performance.getEntriesByName(name)[0]?.startTime ?? null;
    return {last_byte: navigation.responseEnd, read: navigation.domContentLoadedEventEnd, loaded: navigation.loadEventEnd,
      painted: at('first-contentful-paint'), shown: at('shown')};
  });
}

const commands = {
  /** A new page with nothing remembered. @param hostile  a text that takes the place of every text of the daemon's; @param before  a script that runs first */
  async open({url, view = 'light', hostile = null, clock = false, before = null}) {
    await page?.context().close();
    const context = await browser.newContext({...views[view], reducedMotion: 'reduce'});
    page = await context.newPage();
    page.setDefaultTimeout(20_000);
    heard = {console: [], errors: [], requests: []};
    page.on('console', (message) => heard.console.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => heard.errors.push(error.stack));
    page.on('request', (request) => heard.requests.push(request.url()));
    if (clock) await page.clock.install();
    if (before) await page.addInitScript(before);
    if (hostile) {
      const replaced = (value, name) => {
        if (typeof value === 'string' && !['state', 'outcome', 'circuit'].includes(name)) return hostile;
        if (Array.isArray(value)) return value.map((one) => replaced(one, name));
        if (value && typeof value === 'object')
          return Object.fromEntries(Object.entries(value).map(([key, one]) => [name === 'routes' ? hostile : key, replaced(one, key)]));
        return value;
      };
      await page.route(/\/(status|history|entries)(\?|$)/, async (route) => {
        const answer = await route.fetch().catch(() => null);  // it may be under way when the daemon ends
        if (answer === null) return route.abort();
        const json = await answer.json();
        return route.fulfill({response: answer, json: replaced(json, '')});
      });
    }
    await page.goto(url);
    await live();
  },
  live: () => live(),
  state: (wanted) => page.waitForSelector(`body[data-state="${wanted}"]`).then(() => null),
  heard: () => heard,
  text: (selector) => page.locator(selector).innerText(),
  /** Waits until an element's text holds `text`. */
  shows: ({selector, text}) => page.waitForFunction(([at, part]) => document.querySelector(at)?.textContent.includes(part), [selector, text]).then(() => null),
  /** The rows of a table, each a list of texts. */
  rows: (selector) => page.$$eval(`${selector} tbody tr`, (rows) => rows.map((row) => [...row.children].map((cell) => cell.innerText))),
  label: (selector) => page.getAttribute(selector, 'aria-label'),
  click: (selector) => page.click(selector),
  fill: ({selector, text}) => page.fill(selector, text),
  select: ({selector, value}) => page.selectOption(selector, value).then(() => null),
  /** Follows a link that opens a tab. @return the tab's address and text */
  async follow(selector) {
    const [tab] = await Promise.all([page.context().waitForEvent('page'), page.click(selector)]);
    await tab.waitForLoadState();
    const shown = {url: tab.url(), text: await tab.locator('body').innerText()};
    await tab.close();
    return shown;
  },
  press: (key) => page.keyboard.press(key),
  forward: (ms) => page.clock.fastForward(ms),
  evaluate: (script) => page.evaluate(script),
  /** Hides or shows the page, as another tab in front does. */
  hide: (hidden) => page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => value});
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden),
  async axe() {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, {resultTypes: ['violations']}));
    return found.violations.map(({id, nodes}) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join('; ')}`);
  },
  /** The places that the Tab key comes to in one round, in their order, and whether each can be seen to have the focus. */
  async focused(most) {
    const places = [];
    for (let i = 0; i < most; ++i) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement === document.body)) break;
      places.push(await page.evaluate(() => {
        const at = document.activeElement;
        return [at.id || at.dataset.span || at.textContent.trim(), getComputedStyle(at).outlineStyle !== 'none'];
      }));
    }
    return places;
  },
  /** What a function of one of the page's modules makes of these. */
  called: async ({module, name, values}) => (await import(path.join(modules, `${module}.js`)))[name](...values),
  /** The bytes of the document, and what it had loaded besides before it asked for figures. */
  weight: () => page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation');
    return {bytes: navigation.encodedBodySize, files: performance.getEntriesByType('resource').filter((entry) => entry.initiatorType !== 'fetch').map((entry) => entry.name)};
  }),
  /** Loads the page again and again in one tab, without the browser's cache, and an empty page of another server between. */
  async loads({url, times}) {
    const empty = http.createServer((_, reply) => reply.setHeader('Content-Type', 'text/html').end('<!doctype html><title>empty</title><link rel="icon" href="data:,">empty'));
    await once(empty.listen(0, '127.0.0.1'), 'listening');
    await (await page.context().newCDPSession(page)).send('Network.setCacheDisabled', {cacheDisabled: true});
    const found = {page: [], empty: []};
    for (let i = 0; i < times; ++i) {
      await page.goto(`http://127.0.0.1:${empty.address().port}/`);
      found.empty.push(await timing());
      await page.goto(url);
      await live();
      found.page.push(await timing());
    }
    empty.closeAllConnections();
    empty.close();
    return found;
  },
  /** Of what is seen first; of an element; or, with `whole`, of all. */
  picture: ({file, selector = null, whole = false}) =>
    (selector ? page.locator(selector).screenshot({path: file}) : page.screenshot({path: file, fullPage: whole})).then(() => null),
};

for await (const line of readline.createInterface({input: process.stdin})) {
  const {name, argument} = JSON.parse(line);
  let answer;
  try {
    answer = {result: (await commands[name](argument)) ?? null};
  } catch (error) {
    answer = {error: `${name}: ${error.message}`};
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
fs.rmSync(modules, {recursive: true});
