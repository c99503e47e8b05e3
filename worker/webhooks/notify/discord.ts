import { limits } from '../../../schema/limits.ts';
import { fitted } from './fitted.ts';
import type { Message, Severity } from './message.ts';
import { jsonPost, type Outgoing, type Receiver } from './outgoing.ts';

/** A call of an execute-webhook URL. No mention is allowed, and Markdown is escaped. */
export function discord({ severity, sentence, todo, link, at }: Message, { url }: Receiver): Outgoing {
  const { discordContentCharsMax, discordDescriptionCharsMax } = limits.notification;
  return jsonPost(url, {
    content: fitted(sentence, discordContentCharsMax, { encode }),
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: 'Open in Stackferry',
        url: link,
        color: colors[severity],
        timestamp: at,
        ...(todo === null ? {} : { description: fitted(todo, discordDescriptionCharsMax, { encode }) }),
      },
    ],
  });
}

const colors: Record<Severity, number> = { info: 0x4a6fa5, success: 0x2e8b57, warning: 0xd08700, critical: 0xc0392b };

/** A backslash before an ASCII punctuation mark shows it as it is; letters, digits and plain punctuation need none. */
const encode = (char: string) => (/[\\`*_~|<>()[\]#@:+=\-!]/.test(char) ? `\\${char}` : char);
