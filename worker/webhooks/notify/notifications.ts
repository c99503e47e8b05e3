import type { NotificationKind } from '../../../schema/webhook-kinds.ts';
import { discord } from './discord.ts';
import { email } from './email.ts';
import { gotify } from './gotify.ts';
import type { Message } from './message.ts';
import { ntfy } from './ntfy.ts';
import type { Outgoing, Receiver } from './outgoing.ts';
import { slack } from './slack.ts';

/** How each kind gets a message. */
export const notifications: Record<NotificationKind, (message: Message, receiver: Receiver) => Outgoing> = {
  slack,
  discord,
  ntfy,
  gotify,
  email,
};
