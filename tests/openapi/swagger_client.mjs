// Usage: node swagger_client.mjs ADMIN_DOCUMENT_URL NAME:SECRET ADMIN_TOKEN: a client that swagger-client makes of the document at run time,
// also for operations of the other listener, which have servers of their own. Prints what it has got, as JSON.
import SwaggerClient from 'swagger-client';

const [url, key, adminToken] = process.argv.slice(2);
const client = await SwaggerClient({ url, authorizations: { apiKey: key, adminToken } });
if (client.errors.length) throw new Error(JSON.stringify(client.errors));

// swagger-client makes an identifier of each operationId: campaign_breakdown of campaign-breakdown.
const call = (operationId, parameters = {}, options = {}) => client.execute({ operationId, parameters, ...options });
const month = { dateStart: '2025-03-01', dateEnd: '2025-03-31', currency: 'USD', timeZoneVariation: 'America/New_York' };
const report = await call('campaign_breakdown', { accountId: '12', campaignId: '3', groupby: 'country', ...month });
const metadata = await call('campaign_metadata', { accountId: '12', campaignId: '3' });
const ready = await call('getReadyz', { verbose: '' });
const entries = await call('listEntries', { account: '12', limit: 10 });
const purged = await call('purgeEntries', {}, { requestBody: { account: '12' } });
const refused = await call('campaign_overview', { accountId: '12', campaignId: '3', ...month, currency: 'XXX' }).catch((error) => error.response);

console.log(JSON.stringify({
  report: { url: report.url, status: report.status, body: report.body },
  metadata: metadata.status,
  ready: ready.body,
  entries: entries.body.entries.map((entry) => entry.route).sort(),
  purged: purged.body,
  refused: { status: refused.status, type: JSON.parse(refused.text).type },
}));
