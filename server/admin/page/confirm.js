// Asks before anything is changed, and for the admin token. The token stays in this variable: in no storage, cookie or address.
import {Refused} from './api.js';
import {byId} from './dom.js';

let token = '';

/**
 * @param run  is given the token, and returns a promise; where it is refused, the dialog says why and stays
 * @return what `run` came to; null where the person has cancelled
 */
export function confirmed(title, text, verb, run) {
  const dialog = byId('confirm'), input = byId('token'), error = byId('confirm-error'), button = byId('confirm-do');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  button.textContent = verb;
  error.textContent = '';
  byId('token-label').hidden = token !== '';
  input.value = '';
  return new Promise((settle) => {
    const end = (result) => {
      input.value = '';
      byId('confirm-form').onsubmit = dialog.oncancel = byId('confirm-cancel').onclick = null;
      dialog.close();
      settle(result);
    };
    dialog.oncancel = (event) => { event.preventDefault(); end(null); };
    byId('confirm-cancel').onclick = () => end(null);
    byId('confirm-form').onsubmit = async (event) => {
      event.preventDefault();
      const shown = token || input.value;
      button.disabled = true;
      try {
        const result = await run(shown);
        token = shown;
        end(result);
      } catch (failure) {
        error.textContent = failure instanceof Refused ? failure.message : 'The daemon does not answer.';
        if (failure instanceof Refused && failure.status === 401) {
          token = '';
          byId('token-label').hidden = false;
          input.focus();
        }
      } finally {
        button.disabled = false;
      }
    };
    dialog.showModal();
    (token ? byId('confirm-cancel') : input).focus();
  });
}
