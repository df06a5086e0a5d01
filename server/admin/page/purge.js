// Purging more than one report.
import {change} from './api.js';
import {confirmed} from './confirm.js';
import {byId} from './dom.js';
import {targetOf} from './explain.js';
import {count} from './format.js';

const names = {target: 'Address', account: 'Account id', route: 'Route’s name', all: ''};

function chosen() {
  const by = byId('purge-by').value;
  if (by === 'all') return {wanted: {all: true}, text: 'Everything in the cache'};
  const given = byId('purge-value').value.trim();
  const value = by === 'target' ? targetOf(given) : given;
  return value ? {wanted: {[by]: value}, text: `${names[by]} ${value}`} : null;
}

async function purge(event) {
  event.preventDefault();
  const choice = chosen();
  if (!choice) {
    byId('purge-value').focus();
    return;
  }
  const soft = byId('purge-soft').checked;
  const then = soft ? 'is marked stale, and is fetched again at its next use.' : 'is removed. What is asked for next is fetched.';
  const done = await confirmed(soft ? 'Mark as stale?' : 'Purge?', `${choice.text} ${then}`, soft ? 'Mark as stale' : 'Purge', (token) => change('purge', {...choice.wanted, soft}, token));
  if (done) byId('purge-result').textContent = `${soft ? 'Marked as stale' : 'Purged'}: ${count(done.purged)}.`;
}

export function begin() {
  byId('purge-form').addEventListener('submit', purge);
  byId('purge-by').addEventListener('change', () => {
    const by = byId('purge-by').value;
    byId('purge-value-label').hidden = by === 'all';
    byId('purge-value-name').textContent = names[by];
  });
}
