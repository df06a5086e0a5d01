// The box that explains an address: /explain, for one report or for two that are compared.
import {change, read, Refused} from './api.js';
import {confirmed} from './confirm.js';
import {byId, element, fill} from './dom.js';
import {bytes, count, duration, percent, relative, time, times} from './format.js';
import {reportUrl} from './model.js';
import {moves} from './panels.js';

const shown = [];  // the last two explanations, the last one first

/** The target of a pasted address: without its origin, and without an API key that was copied along. */
export function targetOf(pasted) {
  const text = pasted.trim().replace(/^https?:\/\/[^/]*/i, '').replace(/#.*$/, '');
  const [path, query = ''] = text.split(/\?(.*)/s);
  const kept = query.split('&').filter((pair) => pair && !/^api_key(=|$)/i.test(pair)).join('&');
  return kept ? `${path}?${kept}` : path;
}

const when = (unixMs) => `${time(unixMs)}, ${relative(unixMs, Date.now())}`;

const headings = {hit: 'A hit', refreshing_hit: 'A stale hit, refreshed behind', fetch: 'A fetch'};

function facts(found) {
  const stored = found.stored;
  const rows = [['Key', element('code', {}, found.key)],
    ['The same report', [element('code', {}, found.target), element('span', {class: 'quiet note'}, 'Every spelling of this address has this key: another order of parameters, case of escapes, or an empty pair.')]],
    ['Route', `${found.route}, account ${found.account || '–'}${found.campaign ? `, campaign ${found.campaign}` : ''}`]];
  if (stored) {
    rows.push(['Stored', `in ${stored.tier ?? 'the cache'}, ${bytes(stored.bytes)}, status ${stored.status}${stored.state ? `, ${stored.state}` : ''}`],
      ['Fetched', when(stored.fetched_at_unix_ms)],
      [stored.fresh ? 'Fresh until' : 'Stale since', when(stored.fresh_until_unix_ms)],
      ['Usable until', when(stored.usable_until_unix_ms)]);
    if (stored.finds !== undefined && stored.tier === 'memory') rows.push(['Found', `${times(stored.finds)} since memory has it`]);
    rows.push(['What moved', stored.restated ? [element('span', {class: 'note'}, `${times(stored.restated.times)}, last ${when(stored.restated.at_unix_ms)}`), moves(stored.restated.moved)] : 'nothing, since it is stored']);
  } else if (found.if_fetched_now?.fresh_ms !== undefined) {
    rows.push(['If it is fetched', `${found.if_fetched_now.state}: fresh for ${duration(found.if_fetched_now.fresh_ms)}, usable for ${duration(found.if_fetched_now.usable_ms)}`]);
  }
  rows.push(['Asked', found.asked ? `${times(found.asked)} since the start, ${percent(found.from_cache / found.asked)} from the cache` : 'by nobody since the start']);
  if (found.asked_by?.length)
    rows.push(['Who asked for it', found.asked_by.map((one) => element('span', {class: 'note'}, `${one.client} (${count(one.asked)}), last ${when(one.last_asked_at_unix_ms)}`))]);
  const clients = (found.route_clients ?? []).map(({client, asked}) => `${client} (${count(asked)})`).join(', ');
  rows.push(['Who asks this route', clients || 'nobody yet']);
  if (found.other_entries?.length)
    rows.push(['Also stored', found.other_entries.map((one) => element('span', {class: 'note'}, `${one.key_text}, fetched ${when(one.fetched_at_unix_ms)}`))]);
  return element('dl', {}, ...rows.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, ...[value].flat())]));
}

/** Opens in a tab of its own, whose report does not learn of this page. */
function reportLink(url, text) {
  return url ? element('a', {class: 'button', href: url, target: '_blank', rel: 'noopener noreferrer'}, text) : null;
}

function card(found) {
  const result = element('p', {role: 'status'});
  const act = (label, kind, run) => element('button', {type: 'button', class: kind, onclick: () => run(result)}, label);
  const buttons = found.key ? element('div', {class: 'buttons'}, reportLink(found.url, 'Open the report'),
    act('Fetch now…', '', (into) => warm(found.target, into)),
    act('Purge…', '', (into) => purge(found.target, into))) : null;
  return element('article', {class: 'card'},
    element('h3', {}, found.answer ? `${headings[found.answer] ?? found.answer}: ${found.why}` : `Route ${found.route} is not kept as a report`),
    found.key ? facts(found) : null, buttons, result);
}

/** Why two addresses have different numbers, as far as the cache has to do with it. */
function difference(one, other) {
  if (!one.key || !other.key) return null;
  if (one.key === other.key) return 'Both addresses have the same key: they are one report, and get the same bytes.';
  const parts = (target) => { const [path, query = ''] = target.split('?'); return new Map([['path', path], ...query.split('&').filter(Boolean).map((pair) => pair.split(/=(.*)/s).slice(0, 2))]); };
  const [a, b] = [parts(other.target), parts(one.target)];
  const differ = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name)).map((name) => `${name}: ${a.get(name) ?? 'absent'} or ${b.get(name) ?? 'absent'}`);
  if (differ.length === 0) differ.push('the credential or the version');
  const apart = one.stored && other.stored ? ` They were fetched ${duration(Math.abs(one.stored.fetched_at_unix_ms - other.stored.fetched_at_unix_ms))} apart.` : '';
  return `Two reports. They differ in ${differ.join('; ')}.${apart}`;
}

function showAll() {
  const told = shown.length === 2 ? difference(shown[0], shown[1]) : null;
  fill(byId('explanation'), told ? element('p', {class: 'notice'}, told) : null, element('div', {class: 'cards'}, ...shown.map(card)));
}

async function explain(event) {
  event.preventDefault();
  const target = targetOf(byId('address').value);
  if (!target) return;
  try {
    const [found, status] = await Promise.all([read(`explain?target=${encodeURIComponent(target)}`), read('status')]);
    shown.unshift({...found, url: reportUrl(status, target, location.hostname)});
    shown.splice(2);
    showAll();
  } catch (error) {
    fill(byId('explanation'), element('p', {class: 'notice bad'}, error instanceof Refused ? error.message : 'The daemon does not answer.'));
  }
}

async function warm(target, into) {
  const done = await confirmed('Fetch this report now?', 'It is fetched when the upstream has nothing more urgent to do, and costs one call.', 'Fetch', (token) => change('warm', {targets: [target]}, token));
  if (!done) return;
  const [first] = done.targets;
  into.textContent = `Fetch: ${first.outcome}${first.detail ? `, ${first.detail}` : ''}.`;
}

async function purge(target, into) {
  const done = await confirmed('Purge this report?', 'It is removed from the cache, with every spelling, version and credential of it. The next request fetches it.', 'Purge', (token) => change('purge', {target}, token));
  if (done) into.textContent = `Purged: ${count(done.purged)}.`;
}

export function begin() {
  byId('explain-form').addEventListener('submit', explain);
}
