// The admin listener, as this page asks it. Addresses are relative, so that the page works behind a path, too.

const patience = 10_000;

/** The daemon's own word on a request that it refused. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || `status ${status}`);
    this.status = status;
    this.type = problem?.type ?? '';
  }
}

async function content(reply) {
  if (reply.ok) return reply.json();
  throw new Refused(reply.status, await reply.json().catch(() => null));
}

/** @throws Refused, or TypeError and DOMException where no answer comes */
export const read = async (path) => content(await fetch(path, {cache: 'no-store', signal: AbortSignal.timeout(patience)}));

/** Changes something. `token` is empty where the listener asks for none. A fetch may take longer than a look. */
export async function change(path, wanted, token) {
  const headers = {'Content-Type': 'application/json'};
  if (token) headers.Authorization = `Bearer ${token}`;
  return content(await fetch(path, {method: 'POST', headers, body: JSON.stringify(wanted), signal: AbortSignal.timeout(12 * patience)}));
}
