import { limits } from '../../../schema/limits.ts';
import { fitted } from './fitted.ts';
import type { Message, Severity } from './message.ts';
import { jsonPost, type Outgoing, type Receiver } from './outgoing.ts';

/** Publishes as JSON: to the server's root, with the topic in the body. ntfy formats nothing unless asked to. */
export function ntfy({ severity, title, sentence, todo, link }: Message, { url, token }: Receiver): Outgoing {
  const { ntfyTitleBytesMax, ntfyMessageBytesMax } = limits.notification;
  const { origin, pathname } = new URL(url);
  const text = todo === null ? sentence : `${sentence}\n\n${todo}`;
  return jsonPost(
    `${origin}/`,
    {
      topic: pathname.slice(1),
      title: fitted(title, ntfyTitleBytesMax, { size: bytesOf }),
      message: fitted(text, ntfyMessageBytesMax, { size: bytesOf }),
      priority: priorities[severity],
      tags: [tags[severity]],
      click: link,
    },
    token === null ? {} : { authorization: `Bearer ${token}` },
  );
}

/** Returns why events cannot be published there; null if they can. */
export function refusedTopic(url: string): string | null {
  const { pathname, search } = new URL(url);
  if (search !== '') return 'Remove what follows "?"; give an access token as the token.';
  if (/^\/[-_A-Za-z0-9]{1,64}$/.test(pathname)) return null;
  return 'Give the address of a topic, like "https://ntfy.sh/your-topic".';
}

/** From 1, no sound, to 5, which rings through; 3 is the default. */
const priorities: Record<Severity, number> = { info: 2, success: 3, warning: 4, critical: 5 };
/** Names of emojis. */
const tags: Record<Severity, string> = {
  info: 'information_source',
  success: 'white_check_mark',
  warning: 'warning',
  critical: 'rotating_light',
};

const utf8 = new TextEncoder();
const bytesOf = (text: string) => utf8.encode(text).length;
