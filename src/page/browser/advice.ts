import type { Advice } from '../page-documents.decide.ts';
import { element, setText, show } from './elements.ts';
import type { Part } from './parts.ts';

/** The advice of `mms explain`: what is wrong, what to do, and the command for more. */
export function advicePart(): Part<Advice | null> {
  const message = element('p', { class: 'cause' });
  const words = element('p');
  const command = element('code');
  const more = element('p', { class: 'note' }, 'More: ', command);
  const made = element('section', { class: 'advice' }, element('h2', {}, 'What to do'), message, words, more);
  return {
    element: made,
    update(advice) {
      show(made, advice !== null);
      if (advice === null) return;
      setText(message, advice.message);
      show(message, advice.message !== '');
      setText(words, advice.advice);
      show(words, advice.advice !== '');
      setText(command, advice.command);
    },
  };
}
