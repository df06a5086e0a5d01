// The tables: clients, routes, outcomes, the cache, restatements, errors.
import {bar, byId, element, fill, table} from './dom.js';
import {bytes, count, decimal, duration, figure, percent, relative, time, times, words} from './format.js';
import * as model from './model.js';

const share = (part, all) => (all > 0 ? part / all : 0);
const at = (unixMs) => element('time', {dateTime: new Date(unixMs).toISOString(), title: relative(unixMs, Date.now())}, time(unixMs));
const name = (client) => (client === '-' ? 'nobody: refreshed ahead' : client);

export function showClients(status) {
  const spent = status.clients.reduce((all, client) => all + client.upstream, 0);
  const rows = [...status.clients].sort((a, b) => b.upstream - a.upstream || b.asked - a.asked);
  fill(byId('clients'), table([
    {title: 'Client', of: (row) => name(row.client)},
    {title: 'Asked', number: true, of: (row) => count(row.asked)},
    {title: 'From cache', number: true, of: (row) => (row.asked ? percent(share(row.from_cache, row.asked)) : '–')},
    {title: 'Calls', number: true, of: (row) => count(row.upstream)},
    {title: 'Of the budget', class: 'with-bar', of: (row) => [bar(share(row.upstream, spent)), element('span', {class: 'number'}, percent(share(row.upstream, spent)))]},
  ], rows, 'Nobody has asked yet.', 'Clients: how much they asked, and what it cost'));
}

export function showReports(status) {
  const rows = model.routes(status);
  const slowest = Math.max(0, ...rows.map((row) => row.waitMs));
  fill(byId('reports'), table([
    {title: 'Route', of: (row) => row.name},
    {title: 'Asked', number: true, of: (row) => count(row.asked)},
    {title: 'From cache', number: true, of: (row) => (row.asked ? percent(share(row.fromCache, row.asked)) : '–')},
    {title: 'Calls', number: true, of: (row) => count(row.upstream)},
    {title: 'Wait for the upstream', class: 'with-bar', of: (row) => [bar(share(row.waitMs, slowest), 'slow'), element('span', {class: 'number'}, row.waitMs ? duration(row.waitMs) : '–')]},
  ], rows, 'No report has been asked for yet.', 'Routes: how often they were asked for, and how long a fetch takes'));
}

export function showOutcomes(status) {
  const rows = Object.entries(status.requests).filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1]);
  const all = rows.reduce((sum, [, number]) => sum + number, 0);
  fill(byId('outcomes'), table([
    {title: 'Outcome', of: ([outcome]) => [words(outcome), element('span', {class: 'quiet note'}, model.meanings[outcome] ?? '')]},
    {title: 'Requests', number: true, of: ([, number]) => count(number)},
    {title: 'Share', class: 'with-bar', of: ([outcome, number]) => [bar(share(number, all), model.colorOf(outcome)), element('span', {class: 'number'}, percent(share(number, all)))]},
  ], rows, 'No request has come yet.', 'Requests by outcome since the start'));
}

function gauge(title, used, limit, note) {
  const full = limit > 0 ? ` of ${bytes(limit)}` : '';
  return element('div', {class: 'gauge'},
    element('p', {}, element('span', {}, title), element('span', {class: 'number'}, `${bytes(used)}${full}`)),
    bar(share(used, limit)),
    note ? element('p', {class: 'quiet'}, note) : null);
}

export function showCache(status) {
  fill(byId('tiers'), ...Object.entries(status.cache).map(([tier, state]) =>
    gauge(`${tier === 'memory' ? 'Memory' : 'Disk'}: ${count(state.entries)} ${state.entries === 1 ? 'entry' : 'entries'}`, state.bytes, state.bytes_max,
      [state.evictions ? `${count(state.evictions)} evicted` : '', state.errors ? `${count(state.errors)} errors` : '', state.dropped_writes ? `${count(state.dropped_writes)} writes dropped` : '',
        state.trouble ?? ''].filter(Boolean).join(' · '))));
  const bodies = status.bodies;
  fill(byId('places'), gauge('Bodies held anywhere', bodies.memory + bodies.growing + bodies.held, bodies.limit,
    `cached ${bytes(bodies.memory)} · being fetched ${bytes(bodies.growing)} · being sent ${bytes(bodies.held)}${bodies.refused ? ` · no room ${times(bodies.refused)}` : ''}`));
}

export function showStates(entries, most) {
  const rows = model.states(entries);
  fill(byId('states'), table([
    {title: 'State', of: (row) => row.name},
    {title: 'Entries', number: true, of: (row) => count(row.entries)},
    {title: 'Stale', number: true, of: (row) => count(row.stale)},
    {title: 'Size', number: true, of: (row) => bytes(row.bytes)},
  ], rows, 'Nothing is cached yet.', 'Entries of the cache by state'), entries.length >= most ? element('p', {class: 'quiet'}, `Of the ${count(most)} fetched last.`) : null);
}

export function showHottest(entries) {
  fill(byId('hottest'), table([
    {title: 'Report', of: (row) => [element('span', {}, row.route), element('span', {class: 'quiet note'}, row.target)]},
    {title: 'Asked', number: true, of: (row) => count(row.asked)},
    {title: 'From cache', number: true, of: (row) => percent(share(row.from_cache, row.asked))},
    {title: 'Who asked last', of: (row) => row.asked_by.map((one) => element('span', {class: 'note'}, `${one.client} (${count(one.asked)})`))},
  ], entries, 'No report has been asked for yet.', 'Reports that were asked for most since the start'));
}

export function showNoEntries(why) {
  for (const id of ['states', 'hottest', 'restated']) fill(byId(id), element('p', {class: 'empty'}, `The cache cannot be listed now: ${why}.`));
}

const value = (one) => (one === undefined || one === null ? 'nothing' : typeof one === 'number' ? decimal(one, 6) : typeof one === 'string' ? one : JSON.stringify(one));

/** What moved from what to what, a line each. */
export function moves(moved) {
  const fields = moved.filter((one) => one.field !== undefined);
  const more = moved.find((one) => one.more !== undefined)?.more;
  if (fields.length === 0) return element('span', {class: 'quiet'}, 'too large to compare');
  return element('ul', {class: 'moves'}, ...fields.map((one) =>
    element('li', {}, element('code', {}, one.field), ' ', element('span', {class: 'before'}, value(one.before)), ' → ', element('strong', {}, value(one.after)))),
  more ? element('li', {class: 'quiet'}, `and ${count(more)} more`) : null);
}

export function showRestated(entries) {
  fill(byId('restated'), table([
    {title: 'When', of: (row) => at(row.restated.at_unix_ms)},
    {title: 'Report', of: (row) => [element('span', {}, row.route), element('span', {class: 'quiet note'}, `account ${row.account}${row.campaign ? `, campaign ${row.campaign}` : ''}`)]},
    {title: 'Times', number: true, of: (row) => count(row.restated.times)},
    {title: 'What moved', of: (row) => moves(row.restated.moved)},
  ], entries, 'No number has changed after it was given out.', 'Restatements, the last one first'));
}

/** How a template stands today. */
const stands = (row) => (row.last_failure ? row.last_failure : row.next_unix_ms ? [`${words(row.state)}, next at `, at(row.next_unix_ms)] : words(row.state));

export function showWarmed(warming) {
  const facts = [`${count(warming.warmed)} warmed`, `${count(warming.used)} used`, `${count(warming.unused)} never used`, `${count(warming.learned)} templates learned`,
    `${count(warming.named)} named`, warming.failed ? `${count(warming.failed)} failed` : '', warming.forgotten ? `${count(warming.forgotten)} forgotten` : '', warming.learn ? '' : 'learning is off'];
  fill(byId('warmed-facts'), ...facts.filter(Boolean).map((fact) => element('li', {}, fact)));
  fill(byId('warmed'), table([
    {title: 'Report', of: (row) => [element('code', {}, row.target), element('span', {class: 'quiet note'}, `${row.origin}, in ${row.time_zone}`)]},
    {title: 'Today', of: stands},
    {title: 'Warmed', number: true, of: (row) => count(row.warmed)},
    {title: 'Used', number: true, of: (row) => count(row.used)},
    {title: 'Never used', number: true, of: (row) => count(row.unused)},
  ], warming.templates.slice(0, 20), warming.learn ? 'Nothing is asked for on three of five days yet.' : 'No report is named to be warmed.', 'Reports that are fetched before anybody asks'));
}

/** Of a daemon without a fleet there is no panel. */
export function showFleet(fleet) {
  byId('fleet-panel').hidden = !fleet;
  if (!fleet) return;
  const link = fleet.link;
  const facts = [fleet.state, `${count(fleet.members)} of ${count(fleet.members_known)} members`, `engine ${fleet.engine}`, `answers in ${figure(link.typical_ms)} ms, one in a hundred takes ${figure(link.slow_ms)} ms`,
    link.timeouts ? `commands late: ${count(link.timeouts)}` : '', link.refused ? `refused, as it is full: ${count(link.refused)}` : '', link.errors ? `commands failed: ${count(link.errors)}` : '',
    fleet.tokens_taken ? `${count(fleet.tokens_taken)} tokens taken` : '', fleet.trouble ?? ''];
  fill(byId('fleet-facts'), ...facts.filter(Boolean).map((fact) => element('li', {}, fact)));
  fill(byId('fleet'), table([
    {title: 'Fetches', of: ([kind]) => [words(kind), element('span', {class: 'quiet note'}, model.kinds[kind] ?? '')]},
    {title: 'Number', number: true, of: ([, number]) => count(number)},
  ], Object.entries(fleet.fetches), 'Nothing has been fetched yet.', 'What sharing made of fetches'));
}

export function showProblems(problems) {
  fill(byId('problems'), table([
    {title: 'Last', of: (row) => at(row.at_unix_ms)},
    {title: 'Reason', of: (row) => [row.reason ? words(row.reason) : row.outcome === 'stale_if_error' ? 'stale, as the upstream failed' : 'the upstream’s own answer']},
    {title: 'Status', number: true, of: (row) => String(row.status)},
    {title: 'Route', of: (row) => (row.route === '-' ? 'none' : row.route)},
    {title: 'Client', of: (row) => row.client},
    {title: 'Times', number: true, of: (row) => count(row.times)},
  ], problems, 'No request has failed.', 'Requests that did not end well, the last one first'));
}
