import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { type DockerRig, startDockerRig, wipeBoth } from './docker-rig.ts';
import { hostsAreUp } from './two-hosts.ts';

/** Skipped where the two engines are not up, unless nothing may be skipped. */
export const describeDocker = describe.skipIf(!hostsAreUp() && !process.env.STACKFERRY_REQUIRE_ALL);

/** Registers the hooks of a test file: one rig for the file, both hosts wiped before each test. */
export function useDockerRig(options: Parameters<typeof startDockerRig>[0] = {}): () => DockerRig {
  let rig: DockerRig | null = null;
  beforeAll(async () => {
    rig = await startDockerRig(options);
  }, 180_000);
  beforeEach(wipeBoth, 120_000);
  afterAll(async () => {
    await rig?.close();
    await wipeBoth();
  }, 120_000);
  return () => {
    if (!rig) throw new Error('the rig is up only inside tests');
    return rig;
  };
}
