// Usage: node typed_client.js PROXY_URL ADMIN_URL NAME:SECRET: openapi-fetch over the types that openapi-typescript makes of the document.
// What the document does not promise is no TypeScript, and tsc refuses it: see test_openapi.py. Prints what it has got, as JSON.
import createClient from 'openapi-fetch';
import type { paths } from './document.js';

declare const process: { argv: string[] };
const [proxyUrl, adminUrl, key] = process.argv.slice(2);
const proxy = createClient<paths>({ baseUrl: proxyUrl, headers: { 'X-API-Key': key } });
const admin = createClient<paths>({ baseUrl: adminUrl });

const summary = await proxy.GET('/reporting/accounts/{accountId}/summary', {
  params: {
    path: { accountId: '12' },
    query: { dateStart: '2025-03-01', dateEnd: '2025-03-31', currency: 'EUR', timeZoneVariation: 'Europe/London' },
  },
});
const breakdown = await proxy.GET('/reporting/accounts/{accountId}/transactions/breakdown', {
  params: {
    path: { accountId: '12' },
    query: { dateStart: '2025-03-01', dateEnd: '2025-03-31', currency: 'EUR', timeZoneVariation: 'Europe/London', groupby: 'age' },
  },
});
const name = await proxy.GET('/', { parseAs: 'text' });
const ready = await admin.GET('/readyz');
const entries = await admin.GET('/entries', { params: { query: { account: '12' } } });
const state: 'ready' | 'degraded' | 'draining' | undefined = ready.data?.status;
const ids: string[] = (entries.data?.entries ?? []).map((entry) => entry.account);

console.log(JSON.stringify({
  summary: { status: summary.response.status, cacheStatus: summary.response.headers.get('Cache-Status'), body: summary.data },
  breakdown: breakdown.response.status,
  name: name.data,
  state,
  ids,
}));
