import type { EmailAddresses } from '../../../schema/api/webhooks.ts';

/** One POST. */
export interface Outgoing {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** Where a message goes. */
export interface Receiver {
  /** As the operator gave it. */
  url: string;
  token: string | null;
  /** Null unless the kind is `email`. */
  email: EmailAddresses | null;
}

export const jsonPost = (url: string, body: object, headers: Record<string, string> = {}): Outgoing => ({
  url,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
