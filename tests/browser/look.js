// What a page can find out about an address: every way to ask, and all that comes of it but for the time that it takes.
async (base, report) => {
  const within = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, 4000, 'nothing'))]);
  const said = (error) => `${error.name}: ${error.message}`;
  const fetched = (path, options) =>
    fetch(base + path, options).then(async (r) => `${r.type} ${r.status} ${await r.text()}`, said);
  const loaded = (element, parent) => new Promise((done) => {
    for (const event of ['load', 'error', 'loadedmetadata']) element.addEventListener(event, () => done(event));
    (parent || document.body).append(element);
  });
  const made = (name, fields) => Object.assign(document.createElement(name), fields);
  const framed = async (frame, begin) => {
    const event = loaded(frame);
    if (begin) begin();
    const seen = [await event, String(frame.contentDocument), frame.contentWindow.length];
    try { seen.push(frame.contentWindow.location.href); } catch (error) { seen.push(error.name); }
    return seen.join(' ');
  };
  const json = {'Content-Type': 'application/json'};
  const all = '{"all":true}';
  const ways = {
    'fetch': () => fetched(report),
    'fetch of the status': () => fetched('/status'),
    'fetch, no-cors': () => fetched(report, {mode: 'no-cors'}),
    'fetch of nothing, no-cors': () => fetched('/nothing', {mode: 'no-cors'}),
    'fetch with credentials': () => fetched(report, {credentials: 'include'}),
    'fetch with a field': () => fetched(report, {headers: {Authorization: 'Basic eDp4'}}),
    'HEAD, no-cors': () => fetched(report, {method: 'HEAD', mode: 'no-cors'}),
    'POST of JSON': () => fetched('/purge', {method: 'POST', headers: json, body: all}),
    'POST of text, no-cors': () => fetched('/purge', {method: 'POST', mode: 'no-cors', body: all}),
    'POST for a token, no-cors': () => fetched('/auth/oauth2/token', {
      method: 'POST', mode: 'no-cors', body: new URLSearchParams({grant_type: 'client_credentials'})}),
    'XMLHttpRequest': () => new Promise((done) => {
      const request = new XMLHttpRequest();
      request.onloadend = () => done(`${request.status} ${request.responseText}`);
      request.open('GET', base + report);
      request.send();
    }),
    'image': () => loaded(made('img', {src: base + report})),
    'script': () => loaded(made('script', {src: base + report})),
    'module': () => loaded(made('script', {type: 'module', src: base + report})),
    'style sheet': () => loaded(made('link', {rel: 'stylesheet', href: base + report})),
    'video': () => loaded(made('video', {src: base + report})),
    'object': () => loaded(made('object', {data: base + report})),
    'embed': () => loaded(made('embed', {src: base + report})),
    'frame': () => framed(made('iframe', {src: base + report})),
    'old frame': () => {
      const set = made('frameset', {cols: '*'});
      document.documentElement.append(set);
      return loaded(made('frame', {src: base + report}), set);
    },
    'loaded in advance': () => {
      const rules = {prefetch: [{source: 'list', urls: [base + report]}], prerender: [{source: 'list', urls: [base + report]}]};
      document.head.append(made('script', {type: 'speculationrules', textContent: JSON.stringify(rules)}));
      document.head.append(made('link', {rel: 'prefetch', href: base + report}));
      return new Promise((done) => setTimeout(() => done(performance.getEntriesByType('resource')
        .filter((entry) => entry.initiatorType === 'link' && entry.name.startsWith(base))
        .map((entry) => `${entry.responseStatus} ${entry.transferSize} ${entry.encodedBodySize}`).join()), 2000));
    },
    'frame of the dashboard': () => framed(made('iframe', {src: base + '/'})),
    'form': () => {
      const target = `sent-${Math.random()}`;  // a name of its own: the page may look more than once
      const form = made('form', {method: 'POST', action: base + '/purge', enctype: 'text/plain', target});
      form.append(made('input', {name: '{"all":true,"x":"', value: '"}'}));
      document.body.append(form);
      // Its own empty document loads first.
      const frame = made('iframe', {name: target});
      return loaded(frame).then(() => new Promise((done) => {
        frame.addEventListener('load', () => done(`load ${frame.contentDocument}`));
        form.submit();
      }));
    },
    'WebSocket': () => new Promise((done) => {
      const socket = new WebSocket(base.replace('http', 'ws') + report);
      socket.onopen = () => done('open');
      socket.onclose = (event) => done(`close ${event.code} ${event.reason} ${event.wasClean}`);
    }),
    'EventSource': () => new Promise((done) => {
      const source = new EventSource(base + report);
      source.onopen = () => done('open');
      source.onmessage = () => done('message');
      source.onerror = () => { source.close(); done('error'); };
    }),
  };
  const names = Object.keys(ways);
  const results = await Promise.all(names.map((name) => within(ways[name]())));
  return Object.fromEntries(names.map((name, at) => [name, results[at]]));
}
