import { join } from 'node:path';
import { z } from 'zod';
import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import { nodeDisk } from '../../../disk.ts';
import { composeLabels } from '../labels.ts';

/** Containers that Compose did not make, which a Compose file of ours describes since their owner adopted them. */
const adoptedStack = z.object({
  stack: z.string(),
  /** Absolute; holds the file. */
  directory: z.string(),
  /** Service by container id. */
  containers: z.record(z.string(), z.string()),
});
export type AdoptedStack = z.infer<typeof adoptedStack>;

const content = z.object({ stacks: z.array(adoptedStack).max(limits.agent.adoptedStacksMax) });

export const adoptedFile = (stateDir: string): string => join(stateDir, 'adopted.json');
export const composeFileName = 'compose.yaml';

/** Throws `engine_error` if the file is damaged: without it a container would belong to no stack. */
export async function readAdopted(stateDir: string): Promise<AdoptedStack[]> {
  const path = adoptedFile(stateDir);
  const text = await nodeDisk.read(path);
  if (text === null) return [];
  try {
    return content.parse(JSON.parse(text)).stacks;
  } catch (cause) {
    throw new StackferryError('engine_error', `${path} is damaged: remove it, and adopt its containers again.`, {
      cause,
    });
  }
}

/** Throws file system errors. */
export async function writeAdopted(stateDir: string, stacks: AdoptedStack[]): Promise<void> {
  await nodeDisk.replace(adoptedFile(stateDir), `${JSON.stringify({ stacks }, null, 2)}\n`);
}

/** The labels that Compose would have given to adopted containers, by container id. */
export type AdoptedLabels = () => Promise<ReadonlyMap<string, Record<string, string>>>;

/** Of a damaged file none: no other stack waits for its repair, and `adopted` names the fault. */
export const adoptedLabels =
  (stateDir: string): AdoptedLabels =>
  async () => {
    const stacks = await readAdopted(stateDir).catch((): AdoptedStack[] => []);
    const labels = stacks.flatMap((adopted) =>
      Object.entries(adopted.containers).map(([id, service]) => [id, labelsOf(adopted, service)] as const),
    );
    return new Map(labels);
  };

export const labelsOf = ({ stack, directory }: Pick<AdoptedStack, 'stack' | 'directory'>, service: string) => ({
  [composeLabels.project]: stack,
  [composeLabels.service]: service,
  [composeLabels.number]: '1',
  [composeLabels.oneOff]: 'False',
  [composeLabels.workingDir]: directory,
  [composeLabels.configFiles]: join(directory, composeFileName),
});
