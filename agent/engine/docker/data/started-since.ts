import { z } from 'zod';
import type { MigratedData } from '../../tree.ts';
import { type DockerApi, filters } from '../api.ts';
import { composeLabels } from '../labels.ts';

const event = z.object({
  Type: z.string(),
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()) }),
});
type Event = z.infer<typeof event>;

/**
 * Names of containers started since then that can write to a volume or belong to the stack, including removed ones
 * (`docker run --rm`). Incomplete: the engine keeps its last 256 events only, and events do not name bind mounts.
 */
export async function startedSince(api: DockerApi, data: MigratedData, sinceMs: number): Promise<string[]> {
  const seconds = (ms: number) => (ms / 1000).toFixed(3);
  const wanted = filters({ type: ['container', 'volume'], event: ['start', 'mount'] });
  const stream = await api.download(`/events?since=${seconds(sinceMs)}&until=${seconds(Date.now())}&${wanted}`);
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  const adopted = [...(await api.adopted())].filter(([, labels]) => labels[composeLabels.project] === data.project);
  return startedIn(text, data, new Set(adopted.map(([id]) => id)));
}

/** `adopted`: ids of the stack's containers whose labels the Engine does not know. */
export function startedIn(
  text: string,
  { project, volumes }: Pick<MigratedData, 'project' | 'volumes'>,
  adopted: ReadonlySet<string> = new Set(),
): string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  const events = lines.map((line) => event.parse(JSON.parse(line)));
  const names = new Map(events.filter(isStart).map(({ Actor }) => [Actor.ID, Actor.Attributes.name ?? '']));
  const ids = events.flatMap(({ Type, Actor: { ID, Attributes } }) => {
    if (Type === 'volume')
      return volumes.includes(ID) && Attributes['read/write'] === 'true' ? [Attributes.container] : [];
    return Attributes[composeLabels.project] === project || adopted.has(ID) ? [ID] : [];
  });
  return [...new Set(ids)].map((id) => names.get(id ?? '') ?? id?.slice(0, 12) ?? '');
}

const isStart = ({ Type, Action }: Event) => Type === 'container' && Action === 'start';
