// The dashboard: asks every few seconds while somebody looks, and shows what came.
import {read, Refused} from './api.js';
import {Chart, stacked} from './charts.js';
import {byId, element, fill, say} from './dom.js';
import * as explanation from './explain.js';
import {calls, count, duration, figure, percent, relative, time, times} from './format.js';
import * as model from './model.js';
import * as panels from './panels.js';
import * as purging from './purge.js';

const every = {status: 3000, history: 5000, entries: 20_000};
const most = 1000;  // entries of a listing

const known = {status: null, history: null, entries: [], at: 0};
const due = {status: 0, history: 0, entries: 0};
let paused = false;
let span = 3600;
let timer = null;
let busy = false;

const perSecond = (value) => `${figure(value)}/s`;
const charts = {
  // The highest of the stack is drawn first, and the others over it.
  traffic: new Chart('traffic', 'Requests a second by outcome', [...model.groups].reverse().map((group) => ({name: group.name, color: group.color, fill: true, shown: perSecond})), {shown: figure}),
  budget: new Chart('budget', 'Upstream calls a second, and the limit', [
    {name: 'calls', color: 'fetched', shown: perSecond},
    {name: 'limit', color: 'limit', dash: true, stepped: true, shown: perSecond},
    {name: 'refused with 429', color: 'failed', shown: perSecond},
  ], {shown: figure}),
  token: new Chart('token', 'Time until the token expires', [{name: 'left', color: 'hit', shown: (seconds) => duration(seconds * 1000)}], {shown: (seconds) => duration(seconds * 1000), steps: [1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400]}),
};

function meter(id, share) {
  byId(id).style.width = `${Math.max(0, Math.min(1, share || 0)) * 100}%`;
}

function showHealth(status) {
  const troubles = model.troubles(status);
  byId('tile-health').dataset.state = troubles.length ? 'warn' : 'good';
  say('health', troubles.length ? 'Degraded' : 'Healthy');
  say('health-detail', troubles.length ? troubles.join('. ') : 'Token, upstream and cache are in order.');
}

function showFreshness(status, now) {
  const {requests} = model.recent(known.history, status, 3600, now);
  const all = model.answers(requests), stale = model.stale(requests);
  const share = all ? 1 - stale / all : null;
  byId('tile-freshness').dataset.state = share === null || share >= 0.9 ? 'good' : 'warn';
  say('freshness', share === null ? 'No answers yet' : `${percent(share)} fresh`);
  meter('freshness-meter', share ?? 0);
  const ages = known.entries.filter((entry) => entry.state === 'open').map((entry) => now - entry.fetched_at_unix_ms).sort((a, b) => a - b);
  const open = ages.length ? ` Open reports are ${duration(ages[Math.floor(ages.length / 2)])} old, at the median.` : '';
  const told = stale === 0 ? 'No stale answer in the last hour.' : `Last hour: ${count(requests.refreshing_hit)} stale and refreshed behind, ${count(requests.stale_if_error)} stale because the upstream failed.`;
  say('freshness-detail', told + open);
}

function showBudget(status, now) {
  const budget = model.budget(status);
  const {upstream, seconds} = model.recent(known.history, status, 60, now);
  const rate = upstream / seconds;
  const share = budget.rate > 0 ? rate / budget.rate : null;
  byId('tile-budget').dataset.state = share !== null && (share > 0.9 || budget.queued > 0) ? 'warn' : 'good';
  say('budget', share === null ? perSecond(rate) : `${percent(share)} used`);
  meter('budget-meter', share ?? 0);
  const limit = budget.rate > 0 ? `of ${figure(budget.rate)} calls a second, last minute. ${count(Math.floor(budget.available))} could go at once` : 'calls a second, last minute. There is no limit';
  say('budget-detail', `${figure(rate)} ${limit}; ${count(budget.queued)} wait.${budget.limited ? ` ${count(budget.limited)} were refused with 429.` : ''}`);
}

function showSaved(status) {
  const share = model.savedShare(status);
  const answered = model.answers(status.requests);
  say('saved', share === null ? 'No answers yet' : `${count(answered)} ${answered === 1 ? 'answer' : 'answers'}`);
  meter('saved-meter', share ?? 0);
  say('saved-detail', `for ${calls(status.upstream_requests)}${share === null ? '' : `: ${percent(share)} saved`}.`);
}

function showToken(status, now) {
  fill(byId('token-facts'), ...status.upstream.credentials.map(({name, token}) =>
    element('li', {}, element('strong', {}, name), ` ${token.state === 'alive' ? 'alive' : 'no token'}`,
      token.expires_at_unix_ms ? `, expires ${relative(token.expires_at_unix_ms, now)}` : '', `, fetched ${times(token.minted)}`,
      token.failures ? `, failed ${times(token.failures)}` : '', token.last_error ? `: ${token.last_error}` : '')));
}

function showCharts(now) {
  const {series, from} = model.span(known.history, span, now);
  const first = Math.max(1, from);
  const moments = series.at_unix_ms.slice(first).map((at) => at / 1000);
  // Of a daemon that has just begun no more than there is.
  const end = now / 1000, begin = Math.max(end - span, Math.min(moments[0] ?? 0, end - 60));
  const rates = (counter) => model.rates(series, counter, from);
  const columns = model.groups.map((group) => {
    const parts = group.outcomes.map((outcome) => rates(series.requests[outcome]));
    return moments.map((_, at) => (parts.some((part) => part[at] === null) ? null : parts.reduce((sum, part) => sum + part[at], 0)));
  });
  charts.traffic.show([moments, ...stacked(columns).reverse()], [...columns].reverse(), begin, end);
  const limit = series.requests_per_second.slice(first).map((rate) => (rate > 0 ? rate : null));
  const spent = [rates(series.upstream_requests), limit, rates(series.limited)];
  charts.budget.show([moments, ...spent], spent, begin, end);
  const life = [series.token_life_ms.slice(first).map((ms) => (ms === null ? null : Math.max(0, ms / 1000)))];
  charts.token.show([moments, ...life], life, begin, end);
}

function show() {
  const {status, at: now} = known;
  const started = now - status.uptime_s * 1000;
  say('identity', `${status.version} on ${location.host} · up ${duration(status.uptime_s * 1000)} · counters since ${time(started)}`);
  document.querySelectorAll('.since').forEach((at) => { at.textContent = `since ${time(started)}`; });
  showHealth(status);
  showSaved(status);
  panels.showClients(status);
  panels.showReports(status);
  panels.showOutcomes(status);
  panels.showCache(status);
  panels.showWarmed(status.warming);
  panels.showFleet(status.fleet);
  showFreshness(status, now);
  showBudget(status, now);
  showToken(status, now);
  setTimeout(() => showCharts(known.at));  // when the figures can be seen
  panels.showProblems(known.history.problems);
}

async function readStatus() {
  known.status = await read('status');
  known.at = Date.now();
}

async function readHistory() {
  const last = known.history?.hour.at_unix_ms.at(-1);
  let later = await read(last ? `history?since=${last}` : 'history');
  if (last && model.restarted(known.history, later)) {
    known.history = null;
    later = await read('history');
  }
  known.history = model.merged(known.history, later);
}

/** The cache may be too busy to be listed; that is no reason to show nothing else. */
async function readEntries() {
  try {
    const [all, hottest, restated] = await Promise.all([read(`entries?limit=${most}`), read('entries?hottest&limit=10'), read('entries?restated&limit=20')]);
    known.entries = all.entries;
    panels.showStates(all.entries, most);
    panels.showHottest(hottest.entries);
    panels.showRestated(restated.entries);
    if (known.status && known.history) showFreshness(known.status, known.at);
  } catch (error) {
    panels.showNoEntries(error instanceof Refused ? error.message : 'the daemon does not answer');
  }
}

const readers = {status: readStatus, history: readHistory, entries: readEntries};

function lost(error) {
  document.body.dataset.state = 'lost';
  byId('tile-health').dataset.state = 'bad';
  say('health', 'No answer');
  say('health-detail', known.at ? `The daemon does not answer. What is shown is of ${time(known.at)}.` : `The daemon does not answer: ${error.message}`);
  say('live-text', 'Trying again');
}

/** Asks for what is due, and shows it. A listing of the cache may take longer than the rest, which then goes on. */
async function look() {
  const now = Date.now();
  const wanted = Object.keys(due).filter((name) => now >= due[name]);
  const awaited = wanted.filter((name) => name !== 'entries');
  for (const name of wanted) due[name] = Infinity;
  const asked = Object.fromEntries(wanted.map((name) => [name, readers[name]().then(
    () => { due[name] = now + every[name]; }, (error) => { due[name] = 0; throw error; })]));
  try {
    await Promise.all(awaited.map((name) => asked[name]));
  } catch (error) {
    lost(error);
    return;
  }
  if (awaited.length === 0) return;
  show();
  performance.mark('shown');
  document.body.dataset.state = paused ? 'paused' : 'live';
  if (!paused) say('live-text', `Live, every ${every.status / 1000} s`);
}

/** One round after the other, for as long as somebody looks. */
async function go() {
  if (busy || paused || document.hidden) return;
  busy = true;
  try {
    await look();
  } finally {
    busy = false;
    clearTimeout(timer);
    timer = setTimeout(go, 500);
  }
}

byId('pause').addEventListener('click', () => {
  paused = !paused;
  byId('pause').setAttribute('aria-pressed', String(paused));
  say('pause', paused ? 'Resume' : 'Pause');
  document.body.dataset.state = paused ? 'paused' : 'live';
  if (paused) say('live-text', `Paused at ${time(Date.now())}`);
  else go();
});
document.addEventListener('visibilitychange', () => go());
for (const button of document.querySelectorAll('[data-span]')) {
  button.addEventListener('click', () => {
    span = Number(button.dataset.span);
    document.querySelectorAll('[data-span]').forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
    if (known.history) showCharts(known.at);
  });
}
explanation.begin();
purging.begin();
go();
