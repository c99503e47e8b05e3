import { arch, platform } from 'node:os';
import { measureResources } from '../../../node/resources.ts';
import { agentVersion } from '../../../node/version.ts';
import type { EngineFacts, HostFacts } from '../../../schema/host-facts.ts';
import type { HostRoot } from './host-root.ts';

export async function measureHost(host: HostRoot, relays: HostFacts['relays']): Promise<EngineFacts> {
  return {
    now_ms: Date.now(),
    agent_version: agentVersion,
    engine: {
      kind: 'embedded',
      version: process.version,
      api_version: '1',
      compose_version: null,
      os: platform(),
      arch: arch(),
      userns_remap: false,
      rootless: false,
      selinux: false,
      default_runtime: 'process',
      pre_copy: null,
      holds: false,
      content_digest: 'sha256',
    },
    resources: await measureResources(host.root),
    image_disk: null,
    helper: { image: '', ready: true, detail: 'the embedded engine packs and unpacks by itself' },
    relays,
  };
}
