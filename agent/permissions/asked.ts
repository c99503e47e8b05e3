import type { HostPrivilege } from '../../schema/facts.ts';

/** A stack that comes to this host. `source`: id of the host that it comes from; null if that is not known. */
export interface Arriving {
  project: string;
  source: string | null;
}

/** A privilege that a stack asks for, and what of it, in words. */
export interface Asked {
  power: HostPrivilege;
  detail: string;
}
