import type { ComposeModel, FileModel, ServiceModel } from './model.ts';
import { doneAtCreation, isExtension } from './service-keys.ts';

/**
 * True if starting the created containers in dependency order is all that `docker compose start` would do. Compose also
 * waits for conditions, runs hooks and providers, and from 2.36 on copies `content` and `environment` of configs and
 * secrets into each container right before its start. An unknown attribute may be such work too.
 */
export function startsPlainly(model: ComposeModel): boolean {
  return isWholeOnceCreated(model) && Object.values(model.services).every(waitsForNone);
}

/** Like `startsPlainly`, but ignores conditions: in a stack that ran before they are already met. */
export function isWholeOnceCreated({ services, configs, secrets }: ComposeModel): boolean {
  const files = [...Object.values(configs), ...Object.values(secrets)];
  return Object.values(services).every(isDoneAtCreation) && files.every(isMounted);
}

const started = 'service_started';

const waitsForNone = ({ depends_on = {} }: ServiceModel) =>
  Object.values(depends_on).every(({ condition = started }) => condition === started);

const isDoneAtCreation = ({ keys }: ServiceModel) => keys.every((key) => isExtension(key) || doneAtCreation.has(key));

const isMounted = (file: FileModel | null) =>
  (file?.keys ?? []).every((key) => ['name', 'file', 'external', 'labels'].includes(key) || key.startsWith('x-'));
