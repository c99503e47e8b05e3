import { limits } from '../../../schema/limits.ts';
import { fitted } from './fitted.ts';
import type { Message, Severity } from './message.ts';
import { jsonPost, type Outgoing, type Receiver } from './outgoing.ts';

/** A message of an application, as plain text; a click opens the page. */
export function gotify({ severity, title, sentence, todo, link }: Message, { url, token }: Receiver): Outgoing {
  const { gotifyTitleCharsMax, gotifyMessageCharsMax } = limits.notification;
  const text = todo === null ? sentence : `${sentence}\n\n${todo}`;
  // Last, since only the Android app opens a page at a click.
  const ending = `\n\n${link}`;
  return jsonPost(
    messagesOf(url),
    {
      title: fitted(title, gotifyTitleCharsMax),
      message: fitted(text, gotifyMessageCharsMax - ending.length) + ending,
      priority: priorities[severity],
      extras: {
        'client::display': { contentType: 'text/plain' },
        'client::notification': { click: { url: link } },
      },
    },
    token === null ? {} : { 'x-gotify-key': token },
  );
}

/** The server may be below a path; its API for messages may be given too. */
function messagesOf(given: string): string {
  const url = new URL(given);
  url.search = '';
  url.pathname = `${url.pathname.replace(/(\/message)?\/*$/, '')}/message`;
  return url.href;
}

/** Android: below 4 without a sound, from 8 on as an alarm. */
const priorities: Record<Severity, number> = { info: 2, success: 4, warning: 6, critical: 9 };
