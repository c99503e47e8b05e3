import { limits } from '../../../schema/limits.ts';
import { fitted } from './fitted.ts';
import type { Message } from './message.ts';
import { jsonPost, type Outgoing, type Receiver } from './outgoing.ts';

/**
 * Resend's `POST /emails`, which others offer too: a bearer token, and `from`, `to`, `subject`, `text` as JSON. Plain text
 * needs no escaping. The idempotency key keeps a repeated call from sending a second email.
 */
export function email({ id, title, sentence, todo, link }: Message, { url, token, email }: Receiver): Outgoing {
  const { emailSubjectCharsMax, emailTextCharsMax } = limits.notification;
  const lines = [sentence, ...(todo === null ? [] : [todo]), link];
  return jsonPost(
    url,
    {
      from: email?.from ?? '',
      to: email?.to ?? [],
      subject: fitted(title, emailSubjectCharsMax),
      text: `${lines.map((line) => fitted(line, emailTextCharsMax)).join('\n\n')}\n`,
    },
    { 'idempotency-key': id, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
  );
}
