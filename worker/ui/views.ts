import type { z } from 'zod';
import type { auditView, tokenView } from '../../schema/api/access.ts';
import type { createdNode, hostView, relayView } from '../../schema/api/nodes.ts';
import type { stackView } from '../../schema/api/stacks.ts';
import type { deliveryView, webhookView, webhookWithSecret } from '../../schema/api/webhooks.ts';
import type { Consents } from './consents.ts';
import type { OwnOptions } from './own-options.ts';

/** Input of pages: responses of the API, and form fields. */

export type HostView = z.infer<typeof hostView>;
export type StackView = z.infer<typeof stackView>;

export interface Wanted extends Consents {
  target: string;
  from: string | undefined;
  mode: string;
  sizing: string;
  /** Bytes per second as it was typed; empty for no limit. */
  bandwidth_limit: string;
  /** Bind mounts to move (`bindChoice`). */
  binds: string[];
  /** Variables for Compose (`NAME=VALUE`). */
  env: string[];
  /** Patterns of what stays (`excludePattern`). */
  exclude: string[];
  /** DNS records to be pointed at the target (`cutoverName`). */
  cutover_dns: string[];
}

export interface DrainWish extends Consents {
  target: string;
  /** As few hosts as possible; otherwise the stacks are spread. */
  pack: boolean;
  mode: string;
  max_parallel: string;
  /** Move the data of all bind mounts that can move. */
  every_bind: boolean;
  own: OwnOptions;
}

export type RelayView = z.infer<typeof relayView>;
export type CreatedNode = z.infer<typeof createdNode>;
export interface Joining {
  kind: 'host' | 'relay';
  created: CreatedNode;
  /** It was created before, and has a new join token. */
  again?: boolean;
  /** Address of the control plane for the new node. */
  control: string;
}

export type TokenView = z.infer<typeof tokenView>;
export type AuditView = z.infer<typeof auditView>;

export type WebhookView = z.infer<typeof webhookView>;
export type WebhookWithSecret = z.infer<typeof webhookWithSecret>;
export type DeliveryView = z.infer<typeof deliveryView>;
