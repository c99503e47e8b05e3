import { limits } from '../../../schema/limits.ts';
import { fitted } from './fitted.ts';
import type { Message } from './message.ts';
import { jsonPost, type Outgoing, type Receiver } from './outgoing.ts';

/**
 * A message of an incoming webhook. The texts of others are in `plain_text` blocks, in which Slack formats nothing, and
 * have its three control characters escaped: neither `<!channel>` nor `*bold*` does anything. `text` is the fallback for
 * notifications.
 */
export function slack({ sentence, todo, link }: Message, { url }: Receiver): Outgoing {
  const { slackBlockCharsMax, slackTextCharsMax } = limits.notification;
  const section = (text: string) => ({
    type: 'section',
    text: { type: 'plain_text', text: fitted(text, slackBlockCharsMax, { encode }), emoji: false },
  });
  return jsonPost(url, {
    text: fitted(sentence, slackTextCharsMax, { encode }),
    mrkdwn: false,
    unfurl_links: false,
    blocks: [
      section(sentence),
      ...(todo === null ? [] : [section(todo)]),
      { type: 'context', elements: [{ type: 'mrkdwn', text: `<${link}|Open in Stackferry>` }] },
    ],
  });
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const encode = (char: string) => entities[char] ?? char;
