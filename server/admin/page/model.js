// The figures that the page shows, computed from /status and /history. No element is touched here.

/** Groups of outcomes, as the chart of traffic stacks them. */
export const groups = [
  {name: 'from the cache', color: 'hit', outcomes: ['hit']},
  {name: 'stale from the cache', color: 'stale', outcomes: ['refreshing_hit', 'stale_if_error']},
  {name: 'shared a fetch', color: 'shared', outcomes: ['collapsed']},
  {name: 'fetched', color: 'fetched', outcomes: ['miss', 'revalidated', 'passed', 'too_large', 'not_json']},
  {name: 'made here', color: 'local', outcomes: ['local']},
  {name: 'refused', color: 'refused', outcomes: ['refused']},
  {name: 'failed', color: 'failed', outcomes: ['failed']},
];

/** The colour of an outcome's group. */
export const colorOf = (outcome) => groups.find((group) => group.outcomes.includes(outcome))?.color ?? 'local';

/** What an outcome means, for who does not know the log. */
export const meanings = {
  hit: 'fresh, from the cache',
  refreshing_hit: 'stale, from the cache, refreshed behind the answer',
  miss: 'fetched for this request',
  revalidated: 'stored, and confirmed by the upstream',
  collapsed: 'shared another request’s fetch',
  stale_if_error: 'stale, because the upstream failed',
  passed: 'passed through, not kept',
  local: 'made here, such as a token',
  refused: 'an error of the request',
  failed: 'no answer could be had',
  not_json: 'no report, passed on, not kept',
  too_large: 'too large to keep, streamed through',
};

/** What sharing has made of a fetch. */
export const kinds = {
  led: 'made here, for all',
  taken: 'found in the engine',
  waited: 'taken from a daemon that was fetching it',
  failed: 'failures of another daemon’s fetch',
  alone: 'made here, without asking the others',
  landed: 'given to the others',
  refused: 'in the engine, and not usable here',
};

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
const of = (requests, ...outcomes) => sum(outcomes.map((outcome) => requests[outcome] ?? 0));

/** Answers that carry a report or another content of the upstream's. */
export const answers = (requests) =>
  of(requests, 'hit', 'refreshing_hit', 'miss', 'revalidated', 'collapsed', 'stale_if_error', 'passed', 'not_json', 'too_large');

export const stale = (requests) => of(requests, 'refreshing_hit', 'stale_if_error');

/** Of the answers those that cost no call, as a share; nothing where there are no answers. */
export function savedShare(status) {
  const all = answers(status.requests);
  return all === 0 ? null : Math.max(0, 1 - status.upstream_requests / all);
}

/**
 * Where a browser gets this target: a listener without TLS, whose certificate might be for another name, else one with it.
 * A listener on all addresses is reached by the name by which this page was. Null where all are Unix sockets.
 */
export function reportUrl(status, target, hostname) {
  const listeners = status.listeners.filter((one) => !one.address.startsWith('unix:'));
  const best = listeners.find((one) => !one.tls) ?? listeners[0];
  if (!best) return null;
  const [, host, port] = best.address.match(/^(.*):(\d+)$/);
  return `${best.tls ? 'https' : 'http'}://${host === '0.0.0.0' || host === '[::]' ? hostname : host}:${port}${target}`;
}

/** What is wrong, a line each; nothing where all is well. */
export function troubles(status) {
  const found = [];
  for (const credential of status.upstream.credentials) {
    const token = credential.token;
    const name = status.upstream.credentials.length > 1 ? ` (${credential.name})` : '';
    if (token.state !== 'alive') found.push(`No access token${name}${token.last_error ? `: ${token.last_error}` : ''}`);
    if (credential.budget.paused) found.push(`The upstream asked for a pause${name}`);
    if (credential.budget.queued > 0 && credential.budget.available < 1) found.push(`${credential.budget.queued} requests wait for the budget${name}`);
  }
  if (status.upstream.circuit === 'open') found.push('The circuit is open: the upstream fails');
  for (const route of status.upstream.open_routes) found.push(`The circuit of ${route} is open`);
  for (const [tier, state] of Object.entries(status.cache)) {
    if (state.trouble) found.push(`Cache, ${tier}: ${state.trouble}`);
  }
  if (status.fleet?.state === 'alone') found.push(`Alone, without the fleet${status.fleet.trouble ? `: ${status.fleet.trouble}` : ''}`);
  return found;
}

/** The samples of the last `seconds`, of the finer series where it reaches back that far. */
export function span(history, seconds, now) {
  const series = seconds <= 3600 ? history.hour : history.day;
  const from = series.at_unix_ms.findIndex((at) => at >= now - seconds * 1000);
  return {series, from: from < 0 ? series.at_unix_ms.length : from};
}

/** Differences of a counter, a second. Between two samples too far apart there is no line. */
export function rates(series, counter, from) {
  const at = series.at_unix_ms;
  const found = [];
  for (let i = Math.max(1, from); i < at.length; ++i) {
    const seconds = (at[i] - at[i - 1]) / 1000;
    found.push(seconds > 3 * series.every_s ? null : Math.max(0, counter[i] - counter[i - 1]) / seconds);
  }
  return found;
}

/** The differences of counters over the last `seconds`: {requests, upstream_requests, seconds}; from the start where that is later. */
export function recent(history, status, seconds, now) {
  const {series, from} = span(history, Math.min(seconds, 3600), now);
  const length = series.at_unix_ms.length;
  if (length === 0) return {requests: status.requests, upstream: status.upstream_requests, seconds: status.uptime_s};
  const first = Math.min(Math.max(0, from - 1), length - 1);
  const requests = {};
  for (const outcome of Object.keys(status.requests)) requests[outcome] = Math.max(0, status.requests[outcome] - (series.requests[outcome]?.[first] ?? 0));
  return {requests, upstream: Math.max(0, status.upstream_requests - series.upstream_requests[first]), seconds: Math.max(1, (now - series.at_unix_ms[first]) / 1000)};
}

/** All credentials' budgets as one; `rate` is 0 where one of them has no limit. */
export function budget(status) {
  const all = status.upstream.credentials.map((credential) => credential.budget);
  const unlimited = all.some((one) => !(one.requests_per_second > 0));
  return {
    rate: unlimited ? 0 : sum(all.map((one) => one.requests_per_second)),
    available: sum(all.map((one) => one.available)),
    queued: sum(all.map((one) => one.queued)),
    limited: sum(all.map((one) => one.limited)),
  };
}

/** Routes over all clients, with what they cost. */
export function routes(status) {
  const found = new Map();
  for (const client of status.clients) {
    for (const [name, route] of Object.entries(client.routes)) {
      const row = found.get(name) ?? {name, asked: 0, fromCache: 0, upstream: 0, waitedMs: 0};
      row.asked += route.asked;
      row.fromCache += route.from_cache;
      row.upstream += route.upstream;
      row.waitedMs += route.waited_ms;
      found.set(name, row);
    }
  }
  const rows = [...found.values()].filter((row) => row.name !== '-');
  for (const row of rows) row.waitMs = row.asked > row.fromCache ? row.waitedMs / (row.asked - row.fromCache) : 0;
  return rows.sort((a, b) => b.asked - a.asked);
}

/** Entries by state: how many, and their bytes. */
export function states(entries) {
  const found = new Map(['open', 'restating', 'settled', 'no range'].map((name) => [name, {name, entries: 0, bytes: 0, stale: 0}]));
  for (const entry of entries) {
    const row = found.get(entry.state ?? 'no range') ?? found.get('no range');
    row.entries += 1;
    row.bytes += entry.bytes;
    row.stale += entry.fresh ? 0 : 1;
  }
  return [...found.values()].filter((row) => row.entries > 0);
}

/** Whether `later` comes from a daemon that has been started since; its clock may have been corrected a little. */
export const restarted = (history, later) => Math.abs(later.started_at_unix_ms - history.started_at_unix_ms) > 1000;

/** Adds later samples to those that are there; keeps no more than the daemon does. */
export function merged(history, later) {
  if (!history) return later;
  const most = {hour: 720, day: 288};
  for (const name of ['hour', 'day']) {
    const known = history[name], fresh = later[name];
    const last = known.at_unix_ms.at(-1) ?? 0;
    const begin = fresh.at_unix_ms.findIndex((at) => at > last);
    if (begin < 0) continue;
    const add = (into, from) => { into.push(...from.slice(begin)); into.splice(0, Math.max(0, into.length - most[name])); };
    for (const [key, values] of Object.entries(fresh)) {
      if (Array.isArray(values)) add(known[key], values);
      else if (key === 'requests') for (const outcome of Object.keys(values)) add(known.requests[outcome], values[outcome]);
    }
  }
  return {...history, started_at_unix_ms: later.started_at_unix_ms, problems: later.problems};
}
